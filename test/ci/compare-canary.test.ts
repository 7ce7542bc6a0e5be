import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { promisify } from 'node:util';
import Fastify from 'fastify';
import { expect, it, onTestFinished } from 'vitest';
import { post } from '../support/http.js';
import { sumVersion } from '../support/models.js';
import { REPOSITORY_ROOT } from '../support/server-process.js';
import { startApp } from '../support/start-app.js';

const run = promisify(execFile);

/** Compares while `traffic` goes on. */
async function compare(
  stable: string,
  canary: string,
  traffic: () => Promise<unknown> = () => nextTurn(),
  // Time is not asserted of real servers: a shared machine may take what it likes.
  more: Readonly<Record<string, string>> = { COMPARE_LATENCY_RATIO: '1000' },
) {
  const script = join(REPOSITORY_ROOT, '.github/compare-canary.mjs');
  const environment = { PATH: process.env.PATH, COMPARE_SECONDS: '2', COMPARE_REQUESTS: '20', ...more };
  const comparing = run(process.execPath, [script, stable, canary], { env: environment });
  let going = true;
  const load = (async () => {
    while (going) await traffic();
  })();
  return comparing.finally(async () => {
    going = false;
    await load;
  });
}

const die = (value: number) => JSON.stringify({ die_id: 'd', test_params: [value, 0, 0] });
const predict = ({ url }: { url: string }, value = 1) => post(`${url}/predict`, die(value));

it('lets a canary pass that does as the stable server does, and says what both did', async () => {
  const versions = [sumVersion(3, { threshold: 10 })];
  const [stable, canary] = [await startApp({ versions }), await startApp({ versions })];
  const { stdout } = await compare(stable.url, canary.url, () =>
    Promise.all([stable, canary].map((one) => predict(one))),
  );
  expect(stdout).toMatch(/^stable: \d+ requests, 0\.00% 5xx, .*\ncanary: \d+ requests, 0\.00% 5xx, .*\n$/);
});

it('stops one that fails another share of the dies, or has seen too few', async () => {
  const [stable, canary] = [
    await startApp({ versions: [sumVersion(3, { threshold: 10 })] }),
    await startApp({ versions: [sumVersion(3, { threshold: 0.5 })] }),
  ];
  await expect(
    compare(stable.url, canary.url, () => Promise.all([stable, canary].map((one) => predict(one)))),
  ).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringContaining('the canary failed 100.00% of its dies, the stable one 0.00%'),
  });
  await expect(compare(stable.url, canary.url)).rejects.toMatchObject({
    code: 1,
    stderr: 'compare: the canary had 0 prediction requests in 2 s, expected at least 20\n',
  });
});

it('stops one that answers with 5xx, or slowly', async () => {
  const serving = async (errors: number, slow: number) => {
    let looks = 0;
    const app = Fastify();
    onTestFinished(() => app.close());
    app.get('/metrics', async () => {
      const n = 1000 * looks++;
      return [
        `http_requests_total{route="/predict",method="POST",status_class="2xx"} ${n}`,
        `http_requests_total{route="/predict",method="POST",status_class="5xx"} ${errors * n}`,
        `http_requests_total{route="/ready",method="GET",status_class="5xx"} ${n}`,
        `prediction_latency_seconds_bucket{le="0.01",model_name="a"} ${n - slow * n}`,
        `prediction_latency_seconds_bucket{le="0.5",model_name="a"} ${n}`,
        `prediction_latency_seconds_bucket{le="+Inf",model_name="a"} ${n}`,
      ].join('\n');
    });
    return app.listen({ host: '127.0.0.1', port: 0 });
  };
  const good = await serving(0, 0);
  expect((await compare(await serving(0, 0), good)).stderr).toBe('');
  await expect(compare(await serving(0, 0), await serving(0.01, 0.02), undefined, {})).rejects.toMatchObject({
    stderr: `compare: the canary answered 0.99% with 5xx, the stable one 0.00%\ncompare: the canary's p99 is up to 0.5 s, the stable one's up to 0.01 s\n`,
  });
});
