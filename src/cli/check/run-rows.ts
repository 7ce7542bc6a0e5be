import type { FetchedOutput } from '../../models/manifest/fetched-outputs.js';
import type { FeedTensor } from '../../models/manifest/input-tensors.js';
import { withWorkerPool } from '../worker-pool.js';
import { cannotRun } from './open-graph.js';

/** Rows to be run through a model file. */
interface RowsToRun {
  /** Absolute path. */
  readonly modelFile: string;
  readonly inputs: readonly FeedTensor[];
  readonly parameters: number;
  readonly outputs: readonly FetchedOutput[];
  /** Rows in each run; their number is a multiple of it. */
  readonly batch: number;
  /** float32 [rows, parameters] row-major. */
  readonly rows: Float32Array;
}

/**
 * The outputs of rows, run in a worker process: float32 [rows, outputs] row-major.
 * @throws Fault `invalid_model` with the reason in one line
 */
export async function runRows(
  { modelFile, inputs, parameters, outputs, batch, rows }: RowsToRun,
  workerEntry: string | undefined,
): Promise<Float32Array> {
  const key = 'proven';
  const width = outputs.reduce((sum, { size }) => sum + size, 0);
  const values = new Float32Array((rows.length / parameters) * width);
  return withWorkerPool(async (pool) => {
    await pool.open(
      {
        key,
        modelFile,
        inputs,
        parameterCount: parameters,
        outputs,
        contributionsName: undefined,
        maxBatchSize: batch,
        probes: rows.slice(0, parameters),
      },
      () => {},
    );
    for (let from = 0; from < rows.length; from += batch * parameters) {
      const params = rows.subarray(from, from + batch * parameters);
      const outcome = await pool.run({ version: key, dies: batch, params, explain: false });
      if (outcome.kind !== 'scored') throw new Error(outcome.message);
      values.set(outcome.scores, (from / parameters) * width);
    }
    return values;
  }, workerEntry).catch((error: unknown) => {
    throw cannotRun(modelFile, error);
  });
}
