import { systemClock } from '../serving/clock.js';
import { WorkerPool } from '../serving/workers/pool.js';
import { INPUT, SCORE } from '../training/screen/screen-graph.js';
import type { ScoreDies } from '../training/version/check-graph.js';

const BATCH = 64;
const BATCH_TIMEOUT_MS = 60_000;

/**
 * Scores dies with a model file the way the server does: in a worker process, so that no command loads
 * ONNX Runtime itself.
 */
export const scoreInWorker: ScoreDies = async (modelFile, params, parameterCount) => {
  const pool = new WorkerPool({
    workers: 1,
    intraOpThreads: 1,
    batchTimeoutMs: BATCH_TIMEOUT_MS,
    clock: systemClock,
    observers: [],
  });
  const key = 'trained';
  try {
    await pool.start();
    await pool.open(
      {
        key,
        modelFile,
        inputName: INPUT,
        parameterCount,
        scoreName: SCORE,
        contributionsName: undefined,
        maxBatchSize: BATCH,
        probe: params.slice(0, parameterCount),
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
  } finally {
    await pool.close();
  }
};
