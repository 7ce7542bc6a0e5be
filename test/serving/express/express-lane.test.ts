import { describe, expect, test } from 'vitest';
import {
  type ExpressHost,
  ExpressLane,
  type ExpressObserver,
} from '../../../src/serving/express/express-lane.js';
import type { BatchToRun } from '../../../src/serving/runner.js';
import type { WarmUpReport } from '../../../src/serving/workers/messages.js';
import { specOf } from '../../support/pool.js';

const WIDTH = 4;
const KEY = 'm/1';

/** Scores each die by its first value; `runMs` is what its runs are said to take. */
class FakeHost implements ExpressHost {
  runMs = 0.03;
  /** Added to every score: another machine code would round in another way. */
  error = 0;
  throws: string | undefined;
  readonly opened: string[] = [];
  readonly closed: string[] = [];
  readonly ran: { dies: number; values: number[]; groups: number[] | undefined }[] = [];

  async open({ key }: { readonly key: string }) {
    if (this.throws !== undefined) throw new Error(this.throws);
    this.opened.push(key);
    return { inputs: [], outputs: [] };
  }

  async warm(): Promise<WarmUpReport> {
    return REPORT;
  }

  async run({ dies, params, groups }: Parameters<ExpressHost['run']>[0]) {
    // A session reads its rows a turn later.
    await Promise.resolve();
    if (this.throws !== undefined) throw new Error(this.throws);
    this.ran.push({ dies, values: [...params], groups: groups && [...groups] });
    const scores = Float32Array.from({ length: dies }, (_, i) => (params[i * WIDTH] ?? 0) + this.error);
    return { scores, contributions: undefined, runMs: this.runMs };
  }

  takeDrift() {
    return { groups: [3], counts: Float32Array.of(1) };
  }

  async close(key: string) {
    this.closed.push(key);
  }
}

const REPORT: WarmUpReport = {
  policy: { kind: 'any' },
  dependence: undefined,
  scores: Float32Array.of(1, 5),
  costs: [],
};

const said = (told: string[]): ExpressObserver => ({
  levelChanged: (version, level, reason) => told.push(`${version} ${level}: ${reason}`),
  leftOut: (version, reason) => told.push(`${version} left out: ${reason}`),
  closed: (version) => told.push(`${version} closed`),
  ran: (version, dies) => told.push(`${version} ran ${dies}`),
});

/** A lane with one version open, whose probes are two dies. */
async function laneWith(host = new FakeHost(), model: Uint8Array = new Uint8Array(100)) {
  const told: string[] = [];
  const watched = { runs: 0, now: 0 };
  const lane = new ExpressLane({
    maxDies: 4,
    host,
    watchdog: {
      watch() {
        watched.runs++;
        watched.now++;
        return {
          end: () => {
            watched.now--;
          },
        };
      },
      close() {},
    },
    tell: (tell) => tell(said(told)),
  });
  const spec = await specOf(model, WIDTH, { probes: Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8) });
  await lane.open(spec, REPORT);
  host.ran.length = 0;
  return { lane, host, told, watched, spec };
}

const batchOf = (dies: number, changes: Partial<BatchToRun> = {}): BatchToRun => ({
  version: KEY,
  dies,
  params: Float32Array.from({ length: dies * WIDTH }, (_, i) => i),
  explain: false,
  isAlone: true,
  ...changes,
});

const scoredIn = (runMs: number) =>
  ({ kind: 'scored', scores: new Float32Array(1), contributions: undefined, runMs }) as const;

function prove(lane: ExpressLane, runMs = 0.03): void {
  for (let run = 0; run < 1000; run++) lane.ranInWorker(batchOf(1 + (run % 4)), scoredIn(runMs));
}

describe('a batch is run in the server process', () => {
  test('once its version has run a thousand times in workers, where it is small, alone and not to be explained', async () => {
    const { lane, told } = await laneWith();
    expect(lane.takes(batchOf(1))).toBe(false);
    prove(lane);
    expect(told.at(-1)).toBe('m/1 trusted: it has proven itself');
    expect(lane.takes(batchOf(1))).toBe(true);
    expect(lane.takes(batchOf(4))).toBe(true);
    expect(lane.takes(batchOf(5))).toBe(false);
    expect(lane.takes(batchOf(1, { isAlone: false }))).toBe(false);
    expect(lane.takes(batchOf(1, { explain: true }))).toBe(false);
    expect(lane.takes(batchOf(1, { version: 'm/2' }))).toBe(false);
  });

  test('not where its runs are expected to stop the event loop for half a millisecond', async () => {
    const { lane } = await laneWith();
    prove(lane, 0.51);
    expect(lane.takes(batchOf(1))).toBe(false);
  });

  test('one at a time', async () => {
    const { lane } = await laneWith();
    prove(lane);
    const running = lane.run(batchOf(1));
    expect(lane.takes(batchOf(1))).toBe(false);
    await running;
    expect(lane.takes(batchOf(1))).toBe(true);
  });

  test('from memory of its own, as the caller may use its rows again at once', async () => {
    const { lane, host } = await laneWith();
    const batch = batchOf(2, { groups: Float32Array.of(7, 8) });
    const running = lane.run(batch);
    batch.params.fill(-1);
    batch.groups?.fill(-1);
    expect(await running).toMatchObject({ kind: 'scored', scores: Float32Array.of(0, 4), isExpress: true });
    expect(host.ran).toEqual([{ dies: 2, values: [0, 1, 2, 3, 4, 5, 6, 7], groups: [7, 8] }]);
  });

  test('watched for as long as it runs', async () => {
    const { lane, host, watched } = await laneWith();
    const running = lane.run(batchOf(1));
    expect(watched).toEqual({ runs: 1, now: 1 });
    await running;
    expect(watched.now).toBe(0);
    host.throws = 'bad index';
    await lane.run(batchOf(1));
    expect(watched).toEqual({ runs: 2, now: 0 });
  });
});

describe('trust ends', () => {
  test('with a run that stalls the server process: a thousand runs in workers earn it back', async () => {
    const { lane, host, told } = await laneWith();
    prove(lane);
    host.runMs = 20.5;
    await lane.run(batchOf(1));
    expect(told.at(-2)).toBe('m/1 proving: a run took 20.5 ms');
    expect(lane.takes(batchOf(1))).toBe(false);
    host.runMs = 0.03;
    prove(lane);
    expect(lane.takes(batchOf(1))).toBe(true);
  });

  test('with a model that throws, here or in a worker; the batch is then the batcher’s to halve', async () => {
    const { lane, host } = await laneWith();
    prove(lane);
    host.throws = 'bad index';
    expect(await lane.run(batchOf(1))).toEqual({ kind: 'threw', message: 'bad index' });
    expect(lane.takes(batchOf(1))).toBe(false);
    prove(lane);
    lane.ranInWorker(batchOf(1), { kind: 'threw', message: 'bad index' });
    expect(lane.takes(batchOf(1))).toBe(false);
  });

  test('for good with a worker that was lost, until the version is loaded anew', async () => {
    const { lane, told, spec } = await laneWith();
    prove(lane);
    lane.ranInWorker(batchOf(1), { kind: 'lost', message: 'signal SIGSEGV' });
    expect(told.at(-1)).toBe('m/1 barred: a worker was lost: signal SIGSEGV');
    prove(lane);
    expect(lane.takes(batchOf(1))).toBe(false);
    await lane.close(KEY);
    await lane.open(spec, REPORT);
    prove(lane);
    expect(lane.takes(batchOf(1))).toBe(true);
  });
});

describe('a version stays with the workers', () => {
  test('where its outputs here are not those of the workers, bit for bit', async () => {
    const host = new FakeHost();
    host.error = 1e-6;
    const { lane, told } = await laneWith(host);
    expect(told).toEqual([
      expect.stringMatching(/^m\/1 left out: probe 0 has outputs 1\.00000\d+ here and 1 in a worker$/),
    ]);
    prove(lane);
    expect([lane.takes(batchOf(1)), host.closed]).toEqual([false, [KEY]]);
  });

  test('where its file is so large that to open it would stop the event loop', async () => {
    const { told, host } = await laneWith(new FakeHost(), new Uint8Array(16 * 1024 * 1024 + 1));
    expect(told).toEqual([
      'm/1 left out: its model has 16777217 bytes, expected one file of at most 16777216',
    ]);
    expect(host.opened).toEqual([]);
  });

  test('where it cannot be opened here, which harms nobody', async () => {
    const host = new FakeHost();
    host.throws = 'no memory';
    expect((await laneWith(host)).told).toEqual(['m/1 left out: it cannot be opened here: no memory']);
  });

  test('where its file has gone since', async () => {
    const { lane, told, spec } = await laneWith();
    await lane.open({ ...spec, key: 'm/2', modelFile: `${spec.modelFile}.gone` }, REPORT);
    expect(told.at(-1)).toMatch(/^m\/2 left out: it cannot be opened here: ENOENT/);
  });
});

test('a version that is closed is told of once, and its session is closed', async () => {
  const { lane, host, told } = await laneWith();
  await lane.close(KEY);
  await lane.close(KEY);
  expect(told.filter((text) => text === 'm/1 closed')).toHaveLength(1);
  expect([lane.takes(batchOf(1)), host.closed]).toEqual([false, [KEY, KEY]]);
  expect(await lane.run(batchOf(1))).toMatchObject({ kind: 'lost' });
});
