import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { singleJson } from '../load/dies.js';
import type { Figure } from '../scenarios/scenario.js';
import { SHIPPED } from '../servers/start.js';
import { predictExample, sameBits } from './calls.js';
import { isAlive, isInstalled, untilTrue, workersOf } from './processes.js';
import { holds, never, type Survival, told } from './scenario.js';
import { startServer } from './server.js';
import { answered, newAccount, notOk, Tester, withTesters } from './tester.js';

const LIMIT = 128;
const CONNECTIONS = 300;
const RESTARTED_WITHIN_MS = 15_000;

/** More connections than the server may have file descriptors, and a worker that crashes meanwhile. */
export const DESCRIPTORS: Survival = {
  name: 'fds',
  question: `${CONNECTIONS} connections at a limit of ${LIMIT} file descriptors, and a worker crashes`,
  lacks: () => (isInstalled('prlimit') ? undefined : 'prlimit is not installed (util-linux)'),
  async run({ faultSeconds }): Promise<Figure[]> {
    const server = await startServer({
      repository: SHIPPED.repository,
      wrapper: ['prlimit', `--nofile=${LIMIT}:${LIMIT}`],
    });
    const before = await predictExample(server.url, SHIPPED.model);
    const account = newAccount();
    const tester = () =>
      new Tester({
        port: server.port,
        load: singleJson(),
        account,
        thinkMs: () => 1,
        afterClose: 'reconnect',
      });
    const crowd: Socket[] = [];
    let refused = 0;
    // Four testers whose connections were there before the crowd came.
    await withTesters(Array.from({ length: 4 }, tester), async () => {
      await sleep(200);
      for (let i = 0; i < CONNECTIONS; i++) crowd.push(idle(server.port, () => refused++));
      await sleep(faultSeconds * 1000);
    });
    // The testers' descriptors are free again: take these too.
    for (let i = 0; i < CONNECTIONS; i++) crowd.push(idle(server.port, () => refused++));
    await sleep(500);
    const livesInCrowd = server.ended.then(() => false);
    const [worker = 0] = workersOf(server.pid);
    process.kill(worker, 'SIGKILL');
    await sleep(faultSeconds * 1000);
    for (const socket of crowd) socket.destroy();
    const restartedMs = await untilTrue(async () => {
      if (!isAlive(server.pid)) return false;
      return workersOf(server.pid).length === 1 && (await answersExample(server.url));
    }, RESTARTED_WITHIN_MS);
    const lives = await Promise.race([livesInCrowd, Promise.resolve(true)]);
    const same =
      restartedMs !== undefined && sameBits(before, await predictExample(server.url, SHIPPED.model));
    const emfiles = server.log().match(/EMFILE/g)?.length ?? 0;
    const { code } = await server.stop();
    return [
      told('connections closed by the server at once', refused),
      told('dies of the testers that were there before', answered(account, 200)),
      never('their dies lost, or answered with anything but 200', account.lost + notOk(account)),
      told('tries to replace the worker that found no descriptor', emfiles),
      holds('the server lives', lives),
      {
        name: 'answers again, its worker replaced, after the crowd has gone',
        value: restartedMs ?? Number.POSITIVE_INFINITY,
        unit: 'ms',
        atMost: RESTARTED_WITHIN_MS,
      },
      holds('the same bits as before', same),
      holds('ends with exit code 0', code === 0),
    ];
  },
};

/** A connection that says nothing. */
function idle(port: number, onClosed: () => void): Socket {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  socket.once('end', onClosed);
  socket.resume();
  return socket;
}

async function answersExample(url: string): Promise<boolean> {
  try {
    await predictExample(url, SHIPPED.model);
    return true;
  } catch {
    return false;
  }
}
