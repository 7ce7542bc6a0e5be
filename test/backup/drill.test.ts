import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { backupCommand } from '../../src/cli/backup.js';
import { restoreCommand } from '../../src/cli/restore.js';
import { problemsOf, runCommand } from '../cli/support.js';
import { denseModel } from '../support/dense-model.js';
import { manifestOf, sumVersion, temporaryFolder, writeRepository } from '../support/models.js';
import { ServerProcess } from '../support/server-process.js';

const AnswerSchema = z.looseObject({ timestamp: z.string(), inference_time_ms: z.number() });

const PARAMETERS = 16;

/** What a server on a repository answers to some dies, but for what differs from call to call. */
async function answersOf(url: string): Promise<unknown[]> {
  const answers: unknown[] = [];
  for (let die = 0; die < 20; die++) {
    const params = Array.from({ length: PARAMETERS }, (_, i) => Math.sin(die * 31 + i) * 3);
    const response = await fetch(`${url}/predict`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ die_id: `die-${die}`, test_params: params }),
    });
    expect(response.status).toBe(200);
    const { timestamp: _at, inference_time_ms: _took, ...answer } = AnswerSchema.parse(await response.json());
    answers.push(answer);
  }
  return answers;
}

async function serving(repository: string): Promise<{ server: ServerProcess; url: string }> {
  const server = new ServerProcess({ MODEL_REPOSITORY: repository, SHUTDOWN_DELAY_MS: '0' });
  return { server, url: await server.url() };
}

async function stop(server: ServerProcess): Promise<void> {
  server.child.kill('SIGTERM');
  expect((await server.ended).code).toBe(0);
}

it('the drill: back up under a running server, lose the repository, restore it, get the same answers to the last bit', async () => {
  const dense = denseModel(PARAMETERS, 32);
  const repository = await writeRepository(
    [
      sumVersion(PARAMETERS, { name: 'other' }),
      { onnx: dense, manifest: manifestOf(dense, PARAMETERS, { name: 'dense', version: '1' }) },
      {
        onnx: dense,
        manifest: manifestOf(dense, PARAMETERS, { name: 'dense', version: '2', threshold: 0.5 }),
      },
    ],
    { defaultModel: 'dense', models: { dense: { default: '1' } } },
  );
  const archive = join(await temporaryFolder(), 'backup.tar.gz');

  const first = await serving(repository);
  const before = await answersOf(first.url);
  const made = await runCommand(
    (streams) => backupCommand({ streams }),
    ['--repository', repository, '--out', archive],
  );
  expect(made.out).toContain('versions dense/1, dense/2, other/1; every checksum holds');
  const again = (...args: string[]) =>
    runCommand(
      (streams) => backupCommand({ streams }),
      ['--repository', repository, '--out', archive, ...args],
    );
  expect(await problemsOf(again())).toEqual([
    `--out: ${archive} exists: choose another file, or --force to replace it`,
  ]);
  expect((await again('--force')).out).toContain('every checksum holds');
  expect(await answersOf(first.url)).toEqual(before);
  await stop(first.server);

  await rm(repository, { recursive: true });
  const checked = await runCommand((streams) => restoreCommand({ streams }), [archive, '--check']);
  expect(checked.out).toContain('every checksum holds');
  const restored = await runCommand(
    (streams) => restoreCommand({ streams }),
    [archive, '--repository', repository],
  );
  expect(restored.out).toContain(`restored to ${repository}`);

  const second = await serving(repository);
  expect(await answersOf(second.url)).toEqual(before);
  await stop(second.server);
});

it('the commands refuse what cannot be meant', async () => {
  const repository = await writeRepository([sumVersion(2)]);
  const backup = (args: string[]) => problemsOf(runCommand((streams) => backupCommand({ streams }), args));
  const restore = (args: string[]) => problemsOf(runCommand((streams) => restoreCommand({ streams }), args));
  expect(await backup(['--repository', repository])).toEqual([
    'expected either --out <file> or --verify <file>',
  ]);
  expect(await backup(['--repository', repository, '--out', join(repository, 'b.tar.gz')])).toEqual([
    expect.stringContaining('lies in the repository'),
  ]);
  expect(await restore(['b.tar.gz'])).toEqual(['expected either --repository <folder> or --check']);
  expect(await restore(['b.tar.gz', '--repository', 'x', '--discard'])).toEqual([
    '--discard: expected only together with --force',
  ]);
});
