import type { Prediction } from '../die/prediction.js';
import { pause, type ReplayClock } from './clock.js';
import type { PostAttempt } from './http-client.js';
import type { Ledger, ReplayOutcome } from './ledger.js';
import { createGate, createPacer, type PostGate } from './pacing.js';
import { type RetryPolicy, readRetryAfterMs, retryDelayMs } from './retry-policy.js';
import type { PostableDie } from './touchdowns.js';
import { judgeAnswer } from './verdict.js';

/** One attempt to post a body to `/predict` or `/predict/batch`. */
export type Post = (path: '/predict' | '/predict/batch', json: string) => Promise<PostAttempt>;

/** Told of each die's end, once, and of each repetition. */
export interface ReplayObserver {
  onAnswered(die: PostableDie, prediction: Prediction, latencyMs: number): void;
  onUnanswered(
    die: PostableDie,
    outcome: Exclude<ReplayOutcome, 'answered'>,
    cause: string,
    detail: string,
  ): void;
  onRetry(cause: string, delayMs: number): void;
}

export interface ReplayOptions {
  readonly touchdowns: AsyncIterable<readonly PostableDie[]>;
  /** Whether touchdowns are posted to /predict/batch; else each is one die and goes to /predict. */
  readonly form: 'die' | 'batch';
  readonly post: Post;
  /** Dies a second; undefined for as fast as answers come. */
  readonly ratePerSecond: number | undefined;
  /** Most touchdowns that are posted and not settled, those that wait to be posted again among them. */
  readonly inFlight: number;
  readonly retries: RetryPolicy;
  readonly clock: ReplayClock;
  /** Time of day in milliseconds, for a `retry-after` that names a date. */
  readonly epochMs: () => number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** When it aborts nothing more is read or posted; what is on the wire is still awaited. */
  readonly stop: AbortSignal;
  readonly ledger: Ledger;
  readonly observer: ReplayObserver;
}

/**
 * Posts every touchdown, in order, until all of its dies are settled in the ledger, each exactly once:
 * on a normal return nothing is open. Throws only what `touchdowns` throws, after the dies that were
 * posted before it have been settled.
 */
export async function replay(options: ReplayOptions): Promise<void> {
  const { touchdowns, clock, stop, inFlight, ratePerSecond, ledger } = options;
  const pacer = createPacer(ratePerSecond);
  const gate = createGate();
  const deliver = createDelivery(options, gate);
  const running = new Set<Promise<void>>();
  const faults: unknown[] = [];
  try {
    for await (const dies of touchdowns) {
      while (running.size >= inFlight) await Promise.race(running);
      await pause(clock, pacer.reserve(clock.nowMs(), dies.length) - clock.nowMs(), stop);
      await untilOpen(gate, clock, stop);
      if (stop.aborted || faults.length > 0) break;
      for (const { part } of dies) ledger.post(part.index);
      const delivery = deliver(dies)
        .catch((error: unknown) => faults.push(error))
        .then(() => {
          running.delete(delivery);
        });
      running.add(delivery);
    }
  } finally {
    await Promise.all(running);
  }
  if (faults.length > 0) throw faults[0];
}

/**
 * Waits while the server wants no dies. Only first posts wait here: those that are repeated keep to what
 * they were told themselves, so that nobody's wait is made longer by others.
 */
async function untilOpen(gate: PostGate, clock: ReplayClock, stop: AbortSignal): Promise<void> {
  while (!stop.aborted && gate.openAtMs() > clock.nowMs()) {
    await pause(clock, gate.openAtMs() - clock.nowMs(), stop);
  }
}

/** Brings dies to the server: resolves when each of them is settled. */
function createDelivery(
  options: ReplayOptions,
  gate: PostGate,
): (dies: readonly PostableDie[]) => Promise<void> {
  const { post, retries, clock, epochMs, random, stop, ledger, observer } = options;

  async function deliver(dies: readonly PostableDie[], form: 'die' | 'batch'): Promise<void> {
    const beganMs = clock.nowMs();
    const ids = dies.map(({ label }) => label.die_id);
    const path = form === 'batch' ? '/predict/batch' : '/predict';
    // The same bytes on every attempt: the same dies in the same order.
    const body = dies.map(({ json }) => json).join(',');
    const json = form === 'batch' ? `[${body}]` : body;
    let last = { cause: 'interrupted', detail: 'not posted' };
    for (let attempts = 1; ; attempts++) {
      if (stop.aborted) return end(dies, 'interrupted', last);
      const verdict = judgeAnswer(await post(path, json), ids, form);
      if (verdict.kind === 'answered') return answer(dies, verdict);
      if (verdict.kind === 'refused') {
        if (!verdict.eachAlone) return end(dies, 'refused', verdict);
        // The call is refused as a whole: alone, each die gets the answer that is its own.
        for (const die of dies) {
          await untilOpen(gate, clock, stop);
          await deliver([die], 'die');
        }
        return;
      }
      last = verdict;
      const retryAfterMs = readRetryAfterMs(verdict.retryAfter, epochMs());
      const elapsedMs = clock.nowMs() - beganMs;
      const delayMs = retryDelayMs(retries, { attempts, elapsedMs, retryAfterMs }, random());
      if (delayMs === undefined) return end(dies, 'given_up', last);
      observer.onRetry(verdict.cause, delayMs);
      if (retryAfterMs !== undefined) gate.hold(clock.nowMs() + retryAfterMs);
      await pause(clock, delayMs, stop);
    }
  }

  function answer(
    dies: readonly PostableDie[],
    { predictions, latencyMs }: { readonly predictions: readonly Prediction[]; readonly latencyMs: number },
  ): void {
    predictions.forEach((prediction, i) => {
      const die = dies[i];
      if (die === undefined) throw new Error('a prediction for no die');
      ledger.settle(die.part.index, 'answered');
      observer.onAnswered(die, prediction, latencyMs);
    });
  }

  function end(
    dies: readonly PostableDie[],
    outcome: Exclude<ReplayOutcome, 'answered'>,
    { cause, detail }: { readonly cause: string; readonly detail: string },
  ): void {
    for (const die of dies) {
      ledger.settle(die.part.index, outcome);
      observer.onUnanswered(die, outcome, cause, detail);
    }
  }

  return (dies) => deliver(dies, options.form);
}
