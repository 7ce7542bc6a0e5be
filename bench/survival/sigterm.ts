import { setTimeout as sleep } from 'node:timers/promises';
import { batchJson, singleBinary, singleJson } from '../load/dies.js';
import { createRandom } from '../models/random.js';
import type { Figure } from '../scenarios/scenario.js';
import { SHIPPED } from '../servers/start.js';
import { never, type Survival, told } from './scenario.js';
import { startServer } from './server.js';
import { type Account, newAccount, notOk, Tester, withTesters } from './tester.js';

const TESTERS = 32;
const LOADS = [singleJson(), singleJson(), singleBinary(), batchJson(16)];
// Longer than a busy machine keeps a tester from sending, so that each is asked to leave before the server closes.
const DELAY_MS = 1500;

/** Starts, puts testers on it, sends SIGTERM at a random moment. */
async function round(random: () => number, account: Account): Promise<boolean> {
  const server = await startServer({
    repository: SHIPPED.repository,
    environment: { SHUTDOWN_DELAY_MS: String(DELAY_MS) },
  });
  const testers = Array.from(
    { length: TESTERS },
    (_, i) =>
      new Tester({
        port: server.port,
        load: LOADS[i % LOADS.length] ?? singleJson(),
        account,
        thinkMs: () => (i % 2 === 0 ? 0 : random() * 20),
        afterClose: 'leave',
      }),
  );
  return withTesters(testers, async () => {
    await sleep(50 + random() * 400);
    const { code } = await server.stop();
    return code === 0 && server.errors().length === 0;
  });
}

/**
 * SIGTERM while testers send over keep-alive connections. Lost is a request that was sent whole on a connection
 * that the server had not announced to close, and never answered.
 */
export const SIGTERM: Survival = {
  name: 'sigterm',
  question: 'SIGTERM at a random moment under load: is any request lost?',
  async run({ sigtermRounds }): Promise<Figure[]> {
    const random = createRandom(1);
    const account = newAccount();
    let unclean = 0;
    for (let i = 0; i < sigtermRounds; i++) if (!(await round(random, account))) unclean++;
    return [
      told('SIGTERMs', sigtermRounds),
      told('requests sent', account.sent),
      never('requests lost', account.lost),
      never('answered with anything but 200', notOk(account)),
      never('exit codes other than 0, or errors in the log', unclean),
      told('longest wait for an answer', account.longestMs, 'ms'),
    ];
  },
};
