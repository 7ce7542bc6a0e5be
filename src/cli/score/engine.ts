import { Fault, Refusal } from '../../errors.js';
import type { ModelVersion } from '../../models/model-version.js';
import { Batcher } from '../../serving/batching/batcher.js';
import type { ScoredDies } from '../../serving/batching/call.js';
import { systemClock } from '../../serving/clock.js';
import { loadVersion } from '../../serving/load-version.js';
import { withComingWorkerPool } from '../worker-pool.js';

/** What became of one die. */
export type DieScore =
  | {
      readonly kind: 'scored';
      /** float32 [outputs]: the die's row; may hold NaN or infinity, the model's own. */
      readonly row: Float32Array;
      /** float32 [parameters], where asked for and the model has them. */
      readonly contributions: Float32Array | undefined;
    }
  | { readonly kind: 'failed'; readonly message: string };

/** Scores dies without a server, the way the server does: same queue, same worker process, same bits. */
export interface OfflineEngine {
  /** Most dies for one call. */
  readonly maxDies: number;
  /**
   * One answer for each die, in order; a die that the model throws on harms no other.
   * @param params float32 [dies, parameters] row-major; not to be written to before the answer
   */
  score(params: Float32Array, explain: boolean): Promise<readonly DieScore[]>;
}

interface EngineOptions {
  readonly version: ModelVersion;
  /** Compiled module that the worker process runs; another one only in tests. */
  readonly workerEntry?: string | undefined;
}

/**
 * Runs `use` with an engine whose worker process lives exactly as long. It begins while the version is being opened, which the first
 * dies wait for.
 * @throws Fault `invalid_model` or `worker_failed` when the version cannot be opened
 */
export function withEngine<T>(
  { version, workerEntry }: EngineOptions,
  use: (engine: OfflineEngine) => Promise<T>,
): Promise<T> {
  return withComingWorkerPool(async (pool) => {
    const batcher = new Batcher({ runner: pool, clock: systemClock, workers: 1, observers: [] });
    const opened = pool
      .start()
      .then(() => loadVersion(version, { runner: pool, batcher, clock: systemClock }));
    // Whoever waits for it is told; else it is awaited last.
    opened.catch(() => {});
    const used = await use(engineOf(version, batcher, opened));
    await opened;
    return used;
  }, workerEntry);
}

function engineOf(
  { key, manifest, contract }: ModelVersion,
  batcher: Batcher,
  opened: Promise<unknown>,
): OfflineEngine {
  const width = contract.parameterCount;

  const submit = (params: Float32Array, explain: boolean): Promise<ScoredDies> =>
    batcher.submit(key, {
      dies: params.length / width,
      params,
      lane: 'bulk',
      deadlineAtMs: Number.POSITIVE_INFINITY,
      explain,
    });

  async function score(params: Float32Array, explain: boolean): Promise<readonly DieScore[]> {
    const dies = params.length / width;
    if (dies === 0) return [];
    await opened;
    try {
      const { scores, contributions } = await submit(params, explain);
      const outputs = scores.length / dies;
      return Array.from({ length: dies }, (_, i) => ({
        kind: 'scored',
        row: scores.subarray(i * outputs, (i + 1) * outputs),
        contributions: contributions?.subarray(i * width, (i + 1) * width),
      }));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      if (error.code !== 'inference_failed') throw new Fault('worker_failed', [error.message], error);
      if (dies === 1) return [{ kind: 'failed', message: error.message }];
    }
    // A call is answered whole or not at all: each die for itself tells who is to blame.
    const alone: DieScore[] = [];
    for (let i = 0; i < dies; i++) {
      alone.push(...(await score(params.subarray(i * width, (i + 1) * width), explain)));
    }
    return alone;
  }

  const { maxBatchSize, maxQueueSize } = manifest.batching;
  return { maxDies: Math.min(maxBatchSize, maxQueueSize), score };
}
