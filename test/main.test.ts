import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { ServerProcess } from './support/server-process.js';

// Some versions of unshare leave SIGTERM blocked; a shell does not.
const AS_PROCESS_1 = ['unshare', '--pid', '--fork', '--kill-child', 'sh', '-c', 'exec "$@"', 'sh'];
const canBeProcess1 = spawnSync('unshare', ['--pid', '--fork', 'true']).status === 0;
if (!canBeProcess1) process.stdout.write('skipped: a process namespace is not permitted here\n');

test.skipIf(!canBeProcess1)('as process 1 a command ends on SIGTERM too', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'diegate-main-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const lot = join(folder, 'lot.stdf');
  const simulate = ['simulate', '--wafers', '1', '--across', '5', '-o', lot];
  expect((await new ServerProcess({}, { args: simulate }).ended).code).toBe(0);
  // Takes the command's first question and never answers: the command is in the midst of its work.
  const silent = createServer();
  onTestFinished(() => void silent.close());
  await once(silent.listen(0, '127.0.0.1'), 'listening');
  const address = silent.address();
  const port = address !== null && typeof address !== 'string' ? address.port : expect.fail('no port');
  const args = ['replay', lot, '--url', `http://127.0.0.1:${port}`];
  const command = new ServerProcess({}, { args, wrapper: AS_PROCESS_1 });
  await once(silent, 'connection');
  const unshare = command.child.pid;
  process.kill(Number(readFileSync(`/proc/${unshare}/task/${unshare}/children`, 'utf8')), 'SIGTERM');
  expect((await command.ended).code).toBe(143);
});
