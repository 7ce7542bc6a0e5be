import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { dieOf } from '../support/dies.js';
import { post } from '../support/http.js';
import { sumVersion, writeRepository } from '../support/models.js';
import { linesOf, ServerProcess } from '../support/server-process.js';

const hasPrlimit = (() => {
  try {
    execFileSync('prlimit', ['--version']);
    return true;
  } catch {
    return false;
  }
})();

const LIMIT = 192;

/** Opens more connections than there are file descriptors; resolves once the server has closed one of them. */
async function crowd(port: number): Promise<Socket[]> {
  const sockets = Array.from({ length: LIMIT }, () =>
    connect(port, '127.0.0.1')
      .on('error', () => {})
      .resume(),
  );
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
  });
  await Promise.race(sockets.map((socket) => once(socket, 'close')));
  return sockets;
}

// Node 26 starts with 64, as it opens fewer of its own.
const isNode20 = process.versions.node.startsWith('20.');

test.skipIf(!hasPrlimit || !isNode20)(
  'a start with too few says so in one line (needs prlimit and Node 20)',
  async () => {
    const wrapper = ['prlimit', '--nofile=64:64'];
    const { code, stderr } = await new ServerProcess({}, { wrapper }).ended;
    expect(code).toBe(1);
    expect(linesOf(stderr)).toEqual([
      expect.stringMatching(
        /^diegate: too few file descriptors \(EMFILE\): this process may open 64, expected at least 128 /,
      ),
    ]);
  },
);

test.skipIf(!hasPrlimit)(
  'a start with fewer than MAX_CONNECTIONS needs is logged (needs prlimit)',
  async () => {
    const server = new ServerProcess(
      { MODEL_REPOSITORY: await writeRepository([sumVersion(512)]) },
      { wrapper: ['prlimit', `--nofile=${LIMIT}:${LIMIT}`] },
    );
    await server.url();
    expect(await server.logs(/too few file descriptors/)).toContain('MAX_CONNECTIONS 4096 needs 4160');
  },
);

test.skipIf(!hasPrlimit)(
  'a worker that is lost while there is no file descriptor left is replaced once there is (needs prlimit)',
  async () => {
    const server = new ServerProcess(
      { MODEL_REPOSITORY: await writeRepository([sumVersion(512)]) },
      { wrapper: ['prlimit', `--nofile=${LIMIT}:${LIMIT}`] },
    );
    const url = await server.url();
    const sockets = await crowd(Number(new URL(url).port));
    const { pid = 0 } = server.child;
    process.kill(Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')), 'SIGKILL');
    // Takes the descriptor of the channel that the worker has left.
    sockets.push(...(await crowd(Number(new URL(url).port))));
    expect(await server.logs(/EMFILE/)).toContain('worker lost');
    for (const socket of sockets) socket.destroy();
    let status = 0;
    while (status !== 200) status = (await post(`${url}/predict`, JSON.stringify(dieOf()))).status;
    server.child.kill('SIGTERM');
    expect((await server.ended).code).toBe(0);
  },
);
