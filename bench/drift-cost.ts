import { readFile } from 'node:fs/promises';
import { countingSpecOf } from '../src/drift/counting-spec.js';
import { fromMessage } from '../src/drift/drift-counter.js';
import { groupCode } from '../src/drift/wafer-buckets.js';
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
 * worst case: nothing but the worker is at work, at many times the rate of the whole server. What is compared
 * is CPU time, as other programs on the machine disturb it least. Linux only.
 *
 *     npm run bench:build && node dist/.bench/bench/drift-cost.js
 */
const ROUNDS = 41;
const WARM_UP_ROUNDS = 5;
const BATCHES = 500;
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
await loadVersion(version, { runner: pool, batcher, clock: systemClock });

const random = createRandom(1);
const params = Float32Array.from({ length: DIES * contract.parameterCount }, (_, i) => {
  const { mean, standardDeviation } = reference.parameters[i % contract.parameterCount] ?? {
    mean: 0,
    standardDeviation: 1,
  };
  return mean + standardDeviation * (random() + random() + random() - 1.5) * 2;
});
const groups = Float32Array.from({ length: DIES }, (_, i) => groupCode(1 + (i % 4), i % 8));

const cpu = { counted: [] as number[], plain: [] as number[] };
for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round++) {
  const order = round % 2 === 0 ? (['plain', 'counted'] as const) : (['counted', 'plain'] as const);
  for (const which of order) {
    const microseconds = await cpuMicroseconds(which === 'counted' ? groups : undefined);
    if (round >= 0) cpu[which].push(microseconds);
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
const [plain, counted] = [median(cpu.plain), median(cpu.counted)];
const more = cpu.counted.map((each, i) => 100 * (each / (cpu.plain[i] ?? each) - 1)).sort((a, b) => a - b);
const at = (q: number) => (more[Math.round(q * (more.length - 1))] ?? 0).toFixed(2);
process.stdout.write(
  `CPU of the worker for a die: ${plain.toFixed(2)} µs not counted, ${counted.toFixed(2)} µs counted; ${at(0.5)}% more, quartiles ${at(0.25)}% and ${at(0.75)}% (${ROUNDS} interleaved rounds of ${BATCHES} batches of ${DIES})\n` +
    `${dies} dies, ${sampled} of them counted (${((100 * sampled) / dies).toFixed(2)}%)\n`,
);

/** CPU time of the worker's main thread for a die of full batches, run one after another. */
async function cpuMicroseconds(groupsToSend: Float32Array | undefined): Promise<number> {
  const before = await nanosecondsOnCpu();
  const batch = { version: key, dies: DIES, params, explain: false, groups: groupsToSend };
  for (let i = 0; i < BATCHES; i++) {
    const outcome = await pool.run(batch);
    if (outcome.kind !== 'scored') throw new Error(`a batch was not scored: ${outcome.message}`);
  }
  return ((await nanosecondsOnCpu()) - before) / 1000 / BATCHES / DIES;
}

/** The kernel's account of the worker, which other programs on the machine do not add to. */
async function nanosecondsOnCpu(): Promise<number> {
  const [onCpu = '0'] = (await readFile(`/proc/${pool.pids[0]}/schedstat`, 'utf8')).split(' ');
  return Number(onCpu);
}
