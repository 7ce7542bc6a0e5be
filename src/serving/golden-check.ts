import { Fault, Refusal } from '../errors.js';
import { goldenMeasurements, goldenMisses } from '../models/golden-rows.js';
import type { ModelVersion } from '../models/model-version.js';
import type { Batcher } from './batching/batcher.js';
import type { Clock } from './clock.js';

/** Longest wait for the rows of a version: others' dies may be before them. */
const PATIENCE_MS = 60_000;

/**
 * Runs the golden rows of a version that is open and has a queue, as its dies will be.
 * @throws Fault `invalid_model` with a line for each row that is scored otherwise than expected
 */
export async function checkGolden(
  version: ModelVersion,
  { batcher, clock }: { batcher: Pick<Batcher, 'submit'>; clock: Pick<Clock, 'nowMs'> },
): Promise<void> {
  const { golden, key, manifest, contract } = version;
  if (golden === undefined) return;
  const params = goldenMeasurements(golden);
  const { maxBatchSize, maxQueueSize } = manifest.batching;
  const step = Math.min(maxBatchSize, maxQueueSize) * contract.parameterCount;
  const outputs: number[] = [];
  try {
    for (let from = 0; from < params.length; from += step) {
      const rows = params.subarray(from, from + step);
      const { scores } = await batcher.submit(key, {
        dies: rows.length / contract.parameterCount,
        params: rows,
        lane: 'bulk',
        deadlineAtMs: clock.nowMs() + PATIENCE_MS,
        explain: false,
      });
      outputs.push(...scores);
    }
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    throw new Fault(
      'invalid_model',
      [`model ${key}: golden.json: its rows cannot be run: ${error.message}`],
      error,
    );
  }
  const misses = goldenMisses(golden, version, Float32Array.from(outputs));
  if (misses.length > 0)
    throw new Fault(
      'invalid_model',
      misses.map((miss) => `model ${key}: ${miss}`),
    );
}
