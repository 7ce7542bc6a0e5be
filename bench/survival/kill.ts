import { setTimeout as sleep } from 'node:timers/promises';
import { singleJson } from '../load/dies.js';
import { createRandom } from '../models/random.js';
import type { Figure } from '../scenarios/scenario.js';
import { SHIPPED } from '../servers/start.js';
import { median } from '../statistics.js';
import { call, predictExample, sameBits } from './calls.js';
import { isAlive, untilTrue, workersOf } from './processes.js';
import { makeRepository, withKey, writeKeys } from './repository.js';
import { holds, never, type Survival, told } from './scenario.js';
import { startServer } from './server.js';
import { newAccount, Tester, withTesters } from './tester.js';

const READY_WITHIN_MS = 2000;
const ORPHANS_WITHIN_MS = 5000;

/** kill -9 of a loaded server; the next one is started on the same port at once. */
export const KILL: Survival = {
  name: 'kill',
  question: 'kill -9 under load and restart on the same port: is it back soon, with its state?',
  async run({ killRounds }): Promise<Figure[]> {
    const random = createRandom(2);
    const repository = makeRepository();
    const options = { repository, environment: { API_KEYS_FILE: writeKeys(), INFERENCE_WORKERS: '2' } };
    let server = await startServer(options);
    const { port } = server;
    const before = await predictExample(server.url, SHIPPED.model);
    const promoted = await call(`${server.url}/admin/models/${SHIPPED.model}/versions/2/promote`, 'POST');
    const account = newAccount();
    const tester = () =>
      new Tester({ port, load: withKey(singleJson()), account, thinkMs: () => 0, afterClose: 'reconnect' });
    const readyMs: number[] = [];
    const orphanMs: number[] = [];
    let orphans = 0;
    let wrong = 0;
    await withTesters(Array.from({ length: 16 }, tester), async () => {
      for (let round = 0; round < killRounds; round++) {
        await sleep(100 + random() * 400);
        const workers = workersOf(server.pid);
        server.signal('SIGKILL');
        await server.ended;
        const gone = untilTrue(() => !workers.some(isAlive), ORPHANS_WITHIN_MS);
        server = await startServer({ ...options, port });
        readyMs.push(server.readyAfterMs);
        const goneMs = await gone;
        if (goneMs === undefined) orphans++;
        else orphanMs.push(goneMs);
        const after = await predictExample(server.url, SHIPPED.model);
        if (after.model_version !== '2' || !sameBits(before, after)) wrong++;
      }
    });
    const { code } = await server.stop();
    return [
      told('kills', killRounds),
      holds('promoted before the first kill', promoted.status === 200),
      { name: 'ready again, median', value: median(readyMs), unit: 'ms' },
      { name: 'ready again, longest', value: Math.max(...readyMs), unit: 'ms', atMost: READY_WITHIN_MS },
      never('restarts that forgot the promotion, or answered other bits', wrong),
      { name: 'workers of the killed server gone, longest', value: Math.max(...orphanMs), unit: 'ms' },
      never(`workers that outlived their server by ${ORPHANS_WITHIN_MS} ms`, orphans),
      told('requests in flight when it was killed, lost', account.lost),
      holds('ends with exit code 0 on SIGTERM at last', code === 0),
    ];
  },
};
