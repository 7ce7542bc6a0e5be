import type { VersionStatistics } from './schemas.js';

interface Duration {
  count: number;
  ms: number;
}

/** What is counted of one version. */
interface Account {
  lastAtMs: number;
  dies: number;
  readonly success: Duration;
  readonly fail: Duration;
  readonly queue: Duration;
  /** By batch size. */
  readonly batches: Map<number, { count: number; transportMs: number; inferMs: number }>;
}

/** A batch that was run, as the batcher tells of it; times in milliseconds. */
interface RanBatch {
  readonly dies: number;
  /** Longest wait of its dies in the queue. */
  readonly waitMs: number;
  /** Its session.run. */
  readonly runMs: number;
  /** From the batcher to the worker and back, the run included. */
  readonly roundTripMs: number;
}

/** What every version has done since the start, by its key: fed by observers, read by the statistics extension. */
export class InferStatistics {
  readonly #accounts = new Map<string, Account>();
  readonly #epochMs: () => number;

  /** @param epochMs the time of day, milliseconds since 1970 */
  constructor(epochMs: () => number) {
    this.#epochMs = epochMs;
  }

  /** A request was answered, `durationMs` after it arrived. */
  answered(key: string, dies: number, durationMs: number): void {
    const account = this.#accountOf(key);
    account.dies += dies;
    account.lastAtMs = this.#epochMs();
    add(account.success, durationMs);
  }

  /** A request for this version was refused, or its client left, `durationMs` after it arrived. */
  failed(key: string, durationMs: number): void {
    const account = this.#accountOf(key);
    account.lastAtMs = this.#epochMs();
    add(account.fail, durationMs);
  }

  /** A batch came back with scores. */
  batchRan(key: string, { dies, waitMs, runMs, roundTripMs }: RanBatch): void {
    const { queue, batches } = this.#accountOf(key);
    add(queue, waitMs);
    const batch = batches.get(dies) ?? { count: 0, transportMs: 0, inferMs: 0 };
    batch.count++;
    batch.transportMs += Math.max(0, roundTripMs - runMs);
    batch.inferMs += runMs;
    batches.set(dies, batch);
  }

  /** What a version has done; all 0 for one that has done nothing. */
  of(key: string): VersionStatistics {
    const account = this.#accounts.get(key) ?? emptyAccount();
    const batches = [...account.batches].sort(([a], [b]) => a - b);
    const sum = (of: (batch: (typeof batches)[number][1]) => number) =>
      batches.reduce((total, [, batch]) => total + of(batch), 0);
    const executions = sum(({ count }) => count);
    return {
      last_inference: Math.round(account.lastAtMs),
      inference_count: account.dies,
      execution_count: executions,
      inference_stats: {
        success: written(account.success),
        fail: written(account.fail),
        queue: written(account.queue),
        ...compute(
          executions,
          sum(({ transportMs }) => transportMs),
          sum(({ inferMs }) => inferMs),
        ),
      },
      batch_stats: batches.map(([batch_size, { count, transportMs, inferMs }]) => ({
        batch_size,
        ...compute(count, transportMs, inferMs),
      })),
    };
  }

  #accountOf(key: string): Account {
    let account = this.#accounts.get(key);
    if (account === undefined) {
      account = emptyAccount();
      this.#accounts.set(key, account);
    }
    return account;
  }
}

function emptyAccount(): Account {
  const none = (): Duration => ({ count: 0, ms: 0 });
  return { lastAtMs: 0, dies: 0, success: none(), fail: none(), queue: none(), batches: new Map() };
}

function add(duration: Duration, ms: number): void {
  duration.count++;
  duration.ms += ms;
}

function written({ count, ms }: Duration): { count: number; ns: number } {
  return { count, ns: Math.round(ms * 1e6) };
}

function compute(count: number, transportMs: number, inferMs: number) {
  return {
    compute_input: written({ count, ms: transportMs }),
    compute_infer: written({ count, ms: inferMs }),
    compute_output: written({ count, ms: 0 }),
  };
}
