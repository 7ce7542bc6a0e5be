import { performance } from 'node:perf_hooks';
import { Fault } from '../../errors.js';
import { createModelVersion, type ModelVersion } from '../../models/model-version.js';
import { type OfflineEngine, withEngine } from '../score/engine.js';

/** Rows of a run that are tried: one at a time, and what a server tries by itself. */
const TRIED_ROWS = [1, 4, 16, 64];

const REPEATS = 31;

/** What a die costs where every run has so many rows, milliseconds; medians, the way to the worker and back included. */
interface RunCost {
  readonly rowsPerRun: number;
  /** One die by itself. */
  readonly aloneMs: number;
  /** A die of a full batch. */
  readonly inBatchMs: number;
}

/**
 * Measures what the dies of a version cost by each number of rows per run that gives the same bits everywhere. A server
 * measures nothing: other replicas, and the offline commands, have to decide as it does.
 * @param probes float32 [dies, parameters] row-major, at least one die
 */
export async function runCosts(
  version: ModelVersion,
  probes: Float32Array,
  workerEntry: string | undefined,
): Promise<readonly RunCost[]> {
  const { maxBatchSize } = version.manifest.batching;
  const costs: RunCost[] = [];
  for (const rowsPerRun of TRIED_ROWS.filter((rows) => rows <= maxBatchSize)) {
    const asked = withRowsPerRun(version, rowsPerRun);
    try {
      costs.push(
        await withEngine({ version: asked, workerEntry }, async (engine) => {
          const alone = batchOf(probes, version.contract.parameterCount, 1);
          const full = batchOf(probes, version.contract.parameterCount, engine.maxDies);
          const aloneMs = await medianMs(engine, alone);
          return { rowsPerRun, aloneMs, inBatchMs: (await medianMs(engine, full)) / engine.maxDies };
        }),
      );
    } catch (error) {
      // A size whose bits depend on a row's place is no choice.
      if (!(error instanceof Fault)) throw error;
    }
  }
  return costs;
}

/** What was measured, in lines for people, and how to ask for another number. */
export function runCostLines(costs: readonly RunCost[], served: number, maxBatchSize: number): string[] {
  if (costs.length < 2) return [];
  const text = ({ rowsPerRun, aloneMs, inBatchMs }: RunCost) =>
    `${rowsPerRun === 1 ? 'one at a time' : `runs of ${rowsPerRun} rows`}${rowsPerRun === served ? ' (as served)' : ''}: ${aloneMs.toFixed(3)} ms a die alone, ${inBatchMs.toFixed(3)} ms in a batch of ${maxBatchSize}`;
  return [
    'measured on this machine, which other replicas cannot know, so that it decides nothing by itself:',
    ...costs.map((cost) => `  ${text(cost)}`),
    'another of these is asked for by "batching": { "rowsPerRun": n } in the manifest',
  ];
}

function withRowsPerRun(version: ModelVersion, rowsPerRun: number): ModelVersion {
  const { manifest, reference, modelFile, modelBytes } = version;
  const asked = { ...manifest, batching: { ...manifest.batching, rowsPerRun } };
  return createModelVersion(asked, reference, modelFile, modelBytes);
}

function batchOf(probes: Float32Array, width: number, dies: number): Float32Array {
  const given = probes.length / width;
  const batch = new Float32Array(dies * width);
  for (let die = 0; die < dies; die++) {
    const from = (die % given) * width;
    batch.set(probes.subarray(from, from + width), die * width);
  }
  return batch;
}

async function medianMs(engine: OfflineEngine, params: Float32Array): Promise<number> {
  await engine.score(params, false);
  const times: number[] = [];
  for (let i = 0; i < REPEATS; i++) {
    const startedMs = performance.now();
    await engine.score(params, false);
    times.push(performance.now() - startedMs);
  }
  times.sort((a, b) => a - b);
  return times[Math.floor(REPEATS / 2)] ?? Number.NaN;
}
