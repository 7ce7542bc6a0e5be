import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import Fastify from 'fastify';
import { expect, it, onTestFinished } from 'vitest';
import { sumVersion } from '../support/models.js';
import { REPOSITORY_ROOT } from '../support/server-process.js';
import { startApp } from '../support/start-app.js';

const run = promisify(execFile);
const smoke = (url: string) =>
  run(join(REPOSITORY_ROOT, '.github/smoke.sh'), [url], {
    env: { PATH: process.env.PATH, SMOKE_ATTEMPTS: '1' },
  });

it('the smoke check passes a server that predicts', async () => {
  const { url } = await startApp({ versions: [sumVersion(3)] });
  const { stdout } = await smoke(url);
  expect(stdout).toMatch(/^smoke: http:\/\/127\.0\.0\.1:\d+ answers \{.*"prediction":"pass".*\}\n$/);
});

it('the smoke check fails a server that is not ready', async () => {
  const { url } = await startApp({ versions: [sumVersion(3)], load: false });
  await expect(smoke(url)).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringContaining('/ready is not 200 after 1 attempts'),
  });
});

it('the smoke check fails a server that is ready but does not predict', async () => {
  const app = Fastify();
  onTestFinished(() => app.close());
  app.get('/ready', async () => ({}));
  app.get('/models', async () => ({ default_model: 'x' }));
  app.get('/models/x/example', async () => ({}));
  app.post('/predict', async () => ({ prediction: 'maybe' }));
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  await expect(smoke(url)).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringContaining('answered without a prediction'),
  });
});
