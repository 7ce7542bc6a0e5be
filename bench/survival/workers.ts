import { setTimeout as sleep } from 'node:timers/promises';
import { singleJson } from '../load/dies.js';
import { pssMb } from '../load/usage.js';
import type { Figure } from '../scenarios/scenario.js';
import { untilTrue, workersOf } from './processes.js';
import { makeRepository, withKey, writeKeys } from './repository.js';
import { never, type Survival, told } from './scenario.js';
import { type Server, startServer } from './server.js';
import { newAccount, notOk, Tester, withTesters } from './tester.js';

const DEADLINE_MS = 100;
const TESTERS = 4;
const THINK_MS = 45;
const LATE_AT_MOST_PERCENT = 1;
const WARM_WITHIN_MS = 30_000;
const KILL_EVERY_MS = [1000, 5000];

/** A server of one worker, of which the process that takes batches is killed again and again: without a stand-by, and with one. */
export const WORKERS: Survival = {
  name: 'workers',
  question: `the only worker is killed once a second, and every 5 s: how many dies miss their deadline of ${DEADLINE_MS} ms?`,
  async run({ workerKills }): Promise<Figure[]> {
    const figures: Figure[] = [];
    for (const everyMs of KILL_EVERY_MS)
      for (const standBys of [0, 1] as const)
        figures.push(...(await killing(standBys, everyMs, Math.ceil((1000 * workerKills) / everyMs))));
    return figures;
  },
};

async function killing(standBys: 0 | 1, everyMs: number, kills: number): Promise<Figure[]> {
  const environment = { API_KEYS_FILE: writeKeys(), INFERENCE_WORKERS: '1', STANDBY_WORKERS: `${standBys}` };
  const server = await startServer({ repository: makeRepository(), environment });
  await untilTrue(() => isWarm(server.url, standBys), WARM_WITHIN_MS);
  const standBy = workersOf(server.pid).find((pid) => pid !== servingPid(server));
  const memoryMb = standBy === undefined ? 0 : pssMb([standBy]);
  const calm = newAccount();
  await withTesters(testers(server.port, calm), () => sleep((kills * everyMs) / 4));
  const account = newAccount();
  let spared = 0;
  await withTesters(testers(server.port, account), async () => {
    for (let kill = 0; kill < kills; kill++) {
      const nextAtMs = performance.now() + everyMs;
      const pid = servingPid(server);
      if (workersOf(server.pid).includes(pid)) process.kill(pid, 'SIGKILL');
      else spared++;
      await sleep(nextAtMs - performance.now());
    }
  });
  await server.stop();
  const label = `every ${everyMs / 1000} s, stand-by ${standBys}`;
  return [
    told(`${label}: dies without a kill`, calm.sent),
    told(`${label}: of these late`, percent(notOk(calm), calm.sent), '%'),
    told(`${label}: kills of the worker that takes batches`, kills - spared),
    told(`${label}: seconds in which there was none`, spared),
    told(`${label}: dies`, account.sent),
    {
      name: `${label}: late (not 200)`,
      value: percent(notOk(account), account.sent),
      unit: '%',
      ...(standBys === 1 ? { atMost: LATE_AT_MOST_PERCENT } : {}),
    },
    { name: `${label}: longest wait`, value: account.longestMs, unit: 'ms' },
    never(`${label}: dies never answered`, account.lost),
    ...(standBys === 1 ? [{ name: 'memory of the stand-by (PSS)', value: memoryMb, unit: 'MB' }] : []),
  ];
}

function testers(port: number, account: ReturnType<typeof newAccount>): Tester[] {
  const die = withKey(singleJson());
  const load = { ...die, headers: { ...die.headers, 'x-deadline-ms': `${DEADLINE_MS}` } };
  return Array.from(
    { length: TESTERS },
    () => new Tester({ port, load, account, thinkMs: () => THINK_MS, afterClose: 'reconnect' }),
  );
}

/** The worker that takes batches, as the log tells. */
function servingPid(server: Server): number {
  const told = [...server.log().matchAll(/"worker_pid":(\d+),"msg":"worker serves"/g)];
  return Number(told.at(-1)?.[1]);
}

async function isWarm(url: string, standBys: number): Promise<boolean> {
  const answer = await fetch(`${url}/metrics`);
  return new RegExp(`^workers_standing_by ${standBys}$`, 'm').test(await answer.text());
}

function percent(part: number, whole: number): number {
  return whole === 0 ? 0 : (100 * part) / whole;
}
