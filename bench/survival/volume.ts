import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { singleJson } from '../load/dies.js';
import type { Figure } from '../scenarios/scenario.js';
import { SHIPPED } from '../servers/start.js';
import { predictExample, sameBits } from './calls.js';
import { untilTrue, workersOf } from './processes.js';
import { makeRepository } from './repository.js';
import { holds, never, type Survival, told } from './scenario.js';
import { startServer } from './server.js';
import { type Account, answered, newAccount, notOk, Tester, withTesters } from './tester.js';

const WORKERS = 2;
const RESTARTED_WITHIN_MS = 10_000;

/** The volume with the models vanishes under load, and while it is away every worker is killed once. */
export const VOLUME: Survival = {
  name: 'volume',
  question: 'The model volume vanishes under load, and then the workers crash: are dies still answered?',
  async run({ faultSeconds }): Promise<Figure[]> {
    const repository = makeRepository();
    const models = join(repository, SHIPPED.model);
    const server = await startServer({ repository, environment: { INFERENCE_WORKERS: String(WORKERS) } });
    const before = await predictExample(server.url, SHIPPED.model);
    let account = newAccount();
    const phase = async (act: () => Promise<unknown>): Promise<Account> => {
      account = newAccount();
      const tester = () =>
        new Tester({
          port: server.port,
          load: singleJson(),
          account,
          thinkMs: () => 0,
          afterClose: 'reconnect',
        });
      await withTesters(Array.from({ length: 16 }, tester), act);
      return account;
    };

    const away = await phase(async () => {
      await sleep(200);
      renameSync(models, `${models}.away`);
      await sleep(faultSeconds * 1000);
    });
    const crashed = await phase(async () => {
      for (const pid of workersOf(server.pid)) {
        process.kill(pid, 'SIGKILL');
        await untilTrue(() => isRestarted(server.pid, pid), RESTARTED_WITHIN_MS);
        await sleep(500);
      }
      await sleep(faultSeconds * 1000);
    });
    const after = await predictExample(server.url, SHIPPED.model);
    renameSync(`${models}.away`, models);
    const { code } = await server.stop();
    return [
      told('volume away: dies answered', answered(away, 200)),
      never('volume away: lost, or answered with anything but 200', away.lost + notOk(away)),
      told(
        `volume away, ${WORKERS} of ${WORKERS} workers killed in turn: dies answered`,
        answered(crashed, 200),
      ),
      never(
        'volume away, workers killed: lost, or answered with anything but 200',
        crashed.lost + notOk(crashed),
      ),
      holds('the same bits as before', sameBits(before, after)),
      holds('ends with exit code 0', code === 0),
    ];
  },
};

/** Whether a killed worker has gone and another one has come. */
function isRestarted(server: number, killed: number): boolean {
  const workers = workersOf(server);
  return !workers.includes(killed) && workers.length === WORKERS;
}
