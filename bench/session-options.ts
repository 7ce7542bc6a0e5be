import '../src/serving/workers/telemetry-off.js';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { HEAVY, writeAutoencoder } from './models/autoencoder.js';
import { createRandom } from './models/random.js';
import { SHIPPED } from './servers/start.js';
import { median } from './statistics.js';

/**
 * Which session options are worth having? Times `session.run` for batches of 1, 16 and 64 dies under each
 * of them, interleaved, on the shipped model and a heavy one.
 *
 *     npm run bench:build && node dist/.bench/bench/session-options.js
 */
const PARAMETERS = 512;
const BATCHES = [1, 16, 64];
const ROUNDS = 15;
const RUNS = 40;

const BASE: InferenceSession.SessionOptions = {
  executionProviders: ['cpu'],
  interOpNumThreads: 1,
  executionMode: 'sequential',
  graphOptimizationLevel: 'all',
};
const spinning = (allowed: '0' | '1') => ({ session: { intra_op: { allow_spinning: allowed } } });
const OPTIONS: readonly [string, InferenceSession.SessionOptions][] = [
  ['1 thread', { ...BASE, intraOpNumThreads: 1, extra: spinning('0') }],
  ['1 thread, no memory arena', { ...BASE, intraOpNumThreads: 1, enableCpuMemArena: false }],
  ['1 thread, no memory pattern', { ...BASE, intraOpNumThreads: 1, enableMemPattern: false }],
  ['1 thread, basic optimisation', { ...BASE, intraOpNumThreads: 1, graphOptimizationLevel: 'basic' }],
  ['2 threads, not spinning', { ...BASE, intraOpNumThreads: 2, extra: spinning('0') }],
  ['2 threads, spinning', { ...BASE, intraOpNumThreads: 2, extra: spinning('1') }],
];

const heavy = await writeAutoencoder(HEAVY);
for (const [name, file] of [
  ['die-defect', `${SHIPPED.folder}/model.onnx`],
  ['heavy', `${heavy}/${HEAVY.name}/1/model.onnx`],
] as const) {
  await compareOptions(name, file);
}

async function compareOptions(name: string, file: string): Promise<void> {
  const sessions = await Promise.all(OPTIONS.map(([, options]) => InferenceSession.create(file, options)));
  process.stdout.write(`\n### ${name}: µs of one run, medians of ${ROUNDS} interleaved rounds\n\n`);
  process.stdout.write(
    `| options | ${BATCHES.map((dies) => `${dies} dies`).join(' | ')} |\n|---${'|---'.repeat(BATCHES.length)}|\n`,
  );
  const cells = new Map<string, string[]>(OPTIONS.map(([label]) => [label, []]));
  for (const dies of BATCHES) {
    const times = sessions.map((): number[] => []);
    for (let round = 0; round < ROUNDS; round++) {
      for (const [i, session] of sessions.entries()) times[i]?.push(await runMicroseconds(session, dies));
    }
    OPTIONS.forEach(([label], i) => void cells.get(label)?.push(median(times[i] ?? []).toFixed(0)));
  }
  for (const [label, row] of cells) process.stdout.write(`| ${label} | ${row.join(' | ')} |\n`);
  for (const session of sessions) await session.release();
}

async function runMicroseconds(session: InferenceSession, dies: number): Promise<number> {
  const random = createRandom(dies);
  const data = Float32Array.from({ length: dies * PARAMETERS }, () => random() - 0.5);
  const feeds = { test_params: new Tensor('float32', data, [dies, PARAMETERS]) };
  await session.run(feeds, ['anomaly_score']);
  const startedMs = performance.now();
  for (let i = 0; i < RUNS; i++) await session.run(feeds, ['anomaly_score']);
  return ((performance.now() - startedMs) / RUNS) * 1000;
}
