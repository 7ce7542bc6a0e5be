import { plainInput } from '../models/manifest/input-tensors.js';
import { INPUT, SCORE } from '../training/screen/screen-graph.js';
import type { ScoreDies } from '../training/version/check-graph.js';
import { withWorkerPool } from './worker-pool.js';

const BATCH = 64;

/**
 * Scores dies with a model file the way the server does: in a worker process, so that no command loads
 * ONNX Runtime itself.
 */
export const scoreInWorker: ScoreDies = (modelFile, params, parameterCount) =>
  withWorkerPool(async (pool) => {
    const key = 'trained';
    await pool.open(
      {
        key,
        modelFile,
        inputs: [plainInput(INPUT, parameterCount)],
        parameterCount,
        outputs: [{ name: SCORE, size: 1 }],
        contributionsName: undefined,
        maxBatchSize: BATCH,
        probes: params.slice(0, 13 * parameterCount),
      },
      () => {},
    );
    const scores = new Float32Array(params.length / parameterCount);
    for (let from = 0; from < scores.length; from += BATCH) {
      const rows = params.subarray(from * parameterCount, (from + BATCH) * parameterCount);
      const outcome = await pool.run({
        version: key,
        dies: rows.length / parameterCount,
        params: rows,
        explain: false,
      });
      if (outcome.kind !== 'scored') throw new Error(`${modelFile} cannot be run: ${outcome.message}`);
      scores.set(outcome.scores, from);
    }
    return scores;
  });
