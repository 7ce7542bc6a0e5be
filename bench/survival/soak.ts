import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Load } from '../load/closed-loop.js';
import { batchBinary, batchJson, singleBinary, singleJson } from '../load/dies.js';
import { requestBytes } from '../load/plain-connection.js';
import { family, pssMb } from '../load/usage.js';
import { createRandom } from '../models/random.js';
import type { Figure } from '../scenarios/scenario.js';
import { SHIPPED } from '../servers/start.js';
import { median } from '../statistics.js';
import { descriptorsOf } from './processes.js';
import { never, type Survival, told } from './scenario.js';
import { type Server, startServer } from './server.js';
import { type Account, answered, newAccount, Tester, withTesters } from './tester.js';

const NOTHING = Buffer.alloc(0);
const JSON_TYPE = { 'content-type': 'application/json' };

/** What testers send for as long as it takes: how many of them, how often, and the status they must get. */
const MIX: readonly { load: Load; testers: number; thinkMs: number; expected: number }[] = [
  { load: singleJson(), testers: 12, thinkMs: 80, expected: 200 },
  { load: singleBinary(), testers: 4, thinkMs: 80, expected: 200 },
  { load: { ...singleJson(), path: '/predict?explain=3' }, testers: 2, thinkMs: 100, expected: 200 },
  { load: batchJson(64), testers: 2, thinkMs: 400, expected: 200 },
  { load: batchBinary(64), testers: 2, thinkMs: 400, expected: 200 },
  { load: post('/predict', '{"die_id": "d", "test_params": ['), testers: 1, thinkMs: 100, expected: 400 },
  { load: post('/predict', '{"die_id": "d", "test_params": [1]}'), testers: 1, thinkMs: 100, expected: 422 },
  { load: post('/nowhere', '{}'), testers: 1, thinkMs: 100, expected: 404 },
  { load: get('/metrics'), testers: 1, thinkMs: 1000, expected: 200 },
  { load: get('/ready'), testers: 1, thinkMs: 1000, expected: 200 },
];
const DISCONNECT_EVERY_MS = 100;
const SAMPLES = 120;
// Shares of the soak that are compared.
const EARLY = [0.15, 0.25] as const;
const LATE = [0.9, 1] as const;

function post(path: string, body: string): Load {
  return { path, headers: JSON_TYPE, body: Buffer.from(body), dies: 1 };
}

function get(path: string): Load {
  return { method: 'GET', path, headers: {}, body: NOTHING, dies: 0 };
}

/** What the server holds at a moment. */
interface Sample {
  readonly pssMb: number;
  readonly rssMb: number;
  readonly descriptors: number;
  readonly sockets: number;
}

function sample({ pid }: Server): Sample {
  const rssKb = Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  const { all, sockets } = descriptorsOf(pid);
  return {
    pssMb: pssMb(family(pid)),
    rssMb: rssKb / 1024,
    descriptors: all,
    sockets,
  };
}

/** Testers that leave: in the middle of a request, or before its answer. */
async function disconnect(port: number, isOver: () => boolean): Promise<number> {
  const request = requestBytes(singleJson());
  const random = createRandom(4);
  let left = 0;
  while (!isOver()) {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write(random() < 0.5 ? request : request.subarray(0, Math.floor(random() * request.length)));
    await sleep(DISCONNECT_EVERY_MS * random());
    if (random() < 0.5) socket.destroy();
    else socket.resetAndDestroy();
    left++;
    await sleep(DISCONNECT_EVERY_MS * random());
  }
  return left;
}

/** Growth of a straight line through evenly spaced values, for each step. */
function slope(values: readonly number[]): number {
  const middle = (values.length - 1) / 2;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const over = values.reduce((sum, value, i) => sum + (i - middle) * (value - mean), 0);
  return over / values.reduce((sum, _, i) => sum + (i - middle) ** 2, 0);
}

/**
 * The heap that is in use after collections of garbage, in the first half and in the second, MB. Between two it only grows, so
 * the least of a half is what stays.
 * @param log of a server that was started with --trace-gc
 */
function heapAfterCollections({ pid, log }: Server, seconds: number): { early: number; late: number } {
  const traced = new RegExp(`^\\[${pid}:[^\\]]*\\] +(\\d+) ms: .*-> ([\\d.]+) `, 'gm');
  const sizes = Array.from(log().matchAll(traced), ([, ms, mb]) => ({
    share: Number(ms) / 1000 / seconds,
    mb: Number(mb),
  }));
  const least = ([from, to]: readonly [number, number]) =>
    Math.min(...sizes.flatMap(({ share, mb }) => (share >= from && share < to ? [mb] : [])));
  return { early: least([0.1, 0.5]), late: least([0.5, Number.POSITIVE_INFINITY]) };
}

/** The second tenth of the soak against its last tenth. */
function growth(
  name: string,
  samples: readonly Sample[],
  key: keyof Sample,
  unit: string,
  within: number,
): Figure[] {
  const part = (from: number, to: number) =>
    samples.slice(Math.floor(from * samples.length), Math.ceil(to * samples.length)).map((s) => s[key]);
  const early = median(part(...EARLY));
  const late = median(part(...LATE));
  return [
    { name: `${name}, second tenth`, value: early, unit },
    { name: `${name}, last tenth`, value: late, unit },
    { name: `${name}, last over second`, value: late / early, unit: '×', atMost: within },
  ];
}

export const SOAK: Survival = {
  name: 'soak',
  question: 'Mixed load, refusals, scrapes and disconnects for a long time: does anything grow?',
  async run({ soakSeconds, soakFlatWithin }): Promise<Figure[]> {
    const server = await startServer({
      repository: SHIPPED.repository,
      environment: { LOG_PREDICTIONS: '0.01' },
      nodeOptions: ['--trace-gc'],
    });
    const random = createRandom(5);
    const accounts: { account: Account; expected: number }[] = [];
    const testers = MIX.flatMap(({ load, testers: count, thinkMs, expected }) => {
      const account = newAccount();
      accounts.push({ account, expected });
      const options = { port: server.port, load, account, afterClose: 'reconnect' as const };
      return Array.from(
        { length: count },
        () => new Tester({ ...options, thinkMs: () => thinkMs * 2 * random() }),
      );
    });
    const samples: Sample[] = [];
    const everyMs = (soakSeconds * 1000) / SAMPLES;
    let left = 0;
    await withTesters(testers, async () => {
      let isOver = false;
      const leaving = disconnect(server.port, () => isOver);
      const startedMs = performance.now();
      for (let i = 1; i <= SAMPLES; i++) {
        await sleep(Math.max(0, startedMs + i * everyMs - performance.now()));
        samples.push(sample(server));
      }
      isOver = true;
      left = await leaving;
    });
    const heap = heapAfterCollections(server, soakSeconds);
    const { code } = await server.stop();
    const sum = (of: (a: (typeof accounts)[number]) => number) => accounts.reduce((n, a) => n + of(a), 0);
    const pss = samples.slice(Math.floor(SAMPLES * 0.2)).map((s) => s.pssMb);
    return [
      told('seconds', soakSeconds),
      told(
        'requests sent',
        sum(({ account }) => account.sent),
      ),
      told('testers that left in the middle', left),
      never(
        'lost, or answered with another status than expected',
        sum(({ account, expected }) => account.sent - answered(account, expected)),
      ),
      ...growth('memory (PSS) of all processes', samples, 'pssMb', 'MB', soakFlatWithin),
      ...growth('memory (RSS) of the server', samples, 'rssMb', 'MB', soakFlatWithin),
      { name: 'heap after collections, least of the first half', value: heap.early, unit: 'MB' },
      {
        name: 'heap after collections, second half over first',
        value: heap.late / heap.early,
        unit: '×',
        atMost: soakFlatWithin,
      },
      ...growth('file descriptors', samples, 'descriptors', '', soakFlatWithin),
      ...growth('sockets', samples, 'sockets', '', soakFlatWithin),
      { name: 'slope of PSS after the first fifth', value: (slope(pss) * 60_000) / everyMs, unit: 'MB/min' },
      never('exit codes other than 0', code === 0 ? 0 : 1),
    ];
  },
};
