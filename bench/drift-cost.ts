import { countingSpecOf } from '../src/drift/counting-spec.js';
import { fromMessage } from '../src/drift/drift-counter.js';
import { readVersion } from '../src/models/repository/read-version.js';
import { Batcher } from '../src/serving/batching/batcher.js';
import { systemClock } from '../src/serving/clock.js';
import { loadVersion } from '../src/serving/load-version.js';
import { WorkerPool } from '../src/serving/workers/pool.js';
import { createRandom } from './models/random.js';
import { SHIPPED } from './servers/start.js';
import { median } from './statistics.js';

/**
 * What does counting drift cost a worker? One worker alone, without HTTP, runs full batches of the shipped model
 * one after another, in turns with the dies' groups sent (counted) and without (not counted). This is the
 * worst case: nothing but the worker is at work, at many times the rate of the whole server.
 *
 *     npm run bench:build && node dist/.bench/bench/drift-cost.js
 */
const PAIRS = 10_000;
const WARM_UP_PAIRS = 1_000;
const KEPT = 0.9;
const DIES = 64;

const version = await readVersion(SHIPPED.folder, 'die-defect', '1');
const { contract, key, reference } = version;
if (reference === undefined) throw new Error('the shipped model has no reference');
const pool = new WorkerPool({
  workers: 1,
  intraOpThreads: 1,
  batchTimeoutMs: 10_000,
  clock: systemClock,
  observers: [],
});
await pool.start();
const batcher = new Batcher({ runner: pool, clock: systemClock, workers: 1, observers: [] });
await loadVersion(version, { pool, batcher, clock: systemClock });

const random = createRandom(1);
const params = Float32Array.from({ length: DIES * contract.parameterCount }, (_, i) => {
  const { mean, standardDeviation } = reference.parameters[i % contract.parameterCount] ?? {
    mean: 0,
    standardDeviation: 1,
  };
  return mean + standardDeviation * (random() + random() + random() - 1.5) * 2;
});
const groups = Float32Array.from({ length: DIES }, (_, i) => 1 + (i % 4));

const times = { counted: [] as number[], plain: [] as number[] };
for (let pair = -WARM_UP_PAIRS; pair < PAIRS; pair++) {
  const order = pair % 2 === 0 ? (['plain', 'counted'] as const) : (['counted', 'plain'] as const);
  for (const which of order) {
    const ms = await batchMs(which === 'counted' ? groups : undefined);
    if (pair >= 0) times[which].push(ms);
  }
}
let [dies, sampled] = [0, 0];
await pool.collectDrift(key, (message) => {
  for (const { counts } of fromMessage(countingSpecOf({ ...version, reference }).parameters, message)) {
    dies += counts.dies;
    sampled += counts.sampled;
  }
});
await pool.close();
const [plain, counted] = [trimmedMean(times.plain), trimmedMean(times.counted)];
const perSecond = (ms: number) => Math.round((DIES * 1000) / ms);
process.stdout.write(
  `${perSecond(plain)} dies/s not counted, ${perSecond(counted)} counted: ${(100 * (1 - plain / counted)).toFixed(2)}% less\n` +
    `(${PAIRS} pairs of batches of ${DIES}, mean of the fastest ${100 * KEPT}%; medians ${median(times.plain).toFixed(3)} and ${median(times.counted).toFixed(3)} ms)\n` +
    `${dies} dies counted, the parameters of ${sampled} (${((100 * sampled) / dies).toFixed(1)}%)\n`,
);

async function batchMs(groupsToSend: Float32Array | undefined): Promise<number> {
  const startedMs = performance.now();
  const batch = { version: key, dies: DIES, params, explain: false, groups: groupsToSend };
  const outcome = await pool.run(batch);
  if (outcome.kind !== 'scored') throw new Error(`a batch was not scored: ${outcome.message}`);
  return performance.now() - startedMs;
}

/** Without the slowest: batches during which the machine did something else. */
function trimmedMean(values: readonly number[]): number {
  const kept = values.toSorted((a, b) => a - b).slice(0, Math.floor(KEPT * values.length));
  return kept.reduce((sum, value) => sum + value, 0) / kept.length;
}
