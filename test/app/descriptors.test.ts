import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { dieOf } from '../support/dies.js';
import { post } from '../support/http.js';
import { sumVersion, writeRepository } from '../support/models.js';
import { ServerProcess } from '../support/server-process.js';

const hasPrlimit = (() => {
  try {
    execFileSync('prlimit', ['--version']);
    return true;
  } catch {
    return false;
  }
})();

/** Opens connections that say nothing until the server closes one: it has no file descriptor left. */
async function crowd(port: number): Promise<Socket[]> {
  const sockets: Socket[] = [];
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
  });
  for (let isFull = false; !isFull; ) {
    const socket = connect(port, '127.0.0.1').on('error', () => {});
    sockets.push(socket.resume());
    socket.once('close', () => {
      isFull = true;
    });
    await new Promise((resolve) => socket.once('connect', resolve).once('close', resolve));
  }
  return sockets;
}

test.skipIf(!hasPrlimit)(
  'a worker that is lost while there is no file descriptor left is replaced once there is (needs prlimit)',
  async () => {
    const server = new ServerProcess(
      { MODEL_REPOSITORY: await writeRepository([sumVersion(512)]) },
      { wrapper: ['prlimit', '--nofile=192:192'] },
    );
    const url = await server.url();
    const sockets = await crowd(Number(new URL(url).port));
    const { pid = 0 } = server.child;
    process.kill(Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')), 'SIGKILL');
    // Takes the descriptor of the channel that the worker has left.
    sockets.push(...(await crowd(Number(new URL(url).port))));
    expect(await server.logs(/EMFILE/)).toContain('worker lost');
    for (const socket of sockets) socket.destroy();
    await server.logs(/worker started[\s\S]*/);
    let status = 0;
    while (status !== 200) status = (await post(`${url}/predict`, JSON.stringify(dieOf()))).status;
    server.child.kill('SIGTERM');
    expect((await server.ended).code).toBe(0);
  },
);
