import type { Decision, Prediction } from '../die/prediction.js';
import { createLatencies, type Quantiles } from './latencies.js';
import type { ReplayOutcome } from './ledger.js';
import type { ReplayObserver } from './replay.js';

/** Dies by what the file's own bins say of them. */
type ByTester = Readonly<Record<Decision | 'none', number>>;

/** A die that got no prediction, and why. */
interface Unanswered {
  readonly dieId: string;
  readonly outcome: Exclude<ReplayOutcome, 'answered'>;
  readonly cause: string;
  readonly detail: string;
}

/** At most this many dies without an answer are listed; all are counted. */
const MAX_LISTED_UNANSWERED = 20;

/** What a replay found, so far. */
export interface Tally {
  /** Answered dies: what the model said, by what the tester said. */
  readonly table: Readonly<Record<Decision, ByTester>>;
  /** Answered dies by the version that answered, `model/version`. */
  readonly byVersion: Readonly<Record<string, number>>;
  /** Repeated posts by cause. */
  readonly retries: Readonly<Record<string, number>>;
  /** Dies without an answer by cause. */
  readonly unansweredByCause: Readonly<Record<string, number>>;
  readonly unanswered: readonly Unanswered[];
  /** Of the answered dies, each with the time that its answering post took. */
  readonly latencyMs: Quantiles | undefined;
}

/** Counts what a replay tells. */
export interface Tallier extends ReplayObserver {
  tally(): Tally;
}

export function createTallier(): Tallier {
  const table = { pass: { pass: 0, fail: 0, none: 0 }, fail: { pass: 0, fail: 0, none: 0 } };
  const byVersion = new Map<string, number>();
  const retries = new Map<string, number>();
  const causes = new Map<string, number>();
  const unanswered: Unanswered[] = [];
  const latencies = createLatencies();
  return {
    onAnswered({ part }, prediction: Prediction, latencyMs) {
      table[prediction.prediction][part.verdict]++;
      count(byVersion, `${prediction.model_name}/${prediction.model_version}`);
      latencies.add(latencyMs);
    },
    onUnanswered({ label }, outcome, cause, detail) {
      count(causes, outcome === 'refused' ? cause : `${outcome}: ${cause}`);
      if (unanswered.length < MAX_LISTED_UNANSWERED) {
        unanswered.push({ dieId: label.die_id, outcome, cause, detail });
      }
    },
    onRetry(cause) {
      count(retries, cause);
    },
    tally: () => ({
      table: { pass: { ...table.pass }, fail: { ...table.fail } },
      byVersion: Object.fromEntries(byVersion),
      retries: Object.fromEntries(retries),
      unansweredByCause: Object.fromEntries(causes),
      unanswered: [...unanswered],
      latencyMs: latencies.quantiles(),
    }),
  };
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
