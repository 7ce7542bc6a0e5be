import type { Decision } from '../../die/prediction.js';
import type { FlagVerdict } from '../../stdf/stdf.js';
import { NOT_SCORED, type NotScored, type PartOutcome, type ScoredPart } from './scored-part.js';

/** Counts of one set of parts, and how the model agrees with the tester's own bins on the scored ones. */
export interface Agreement {
  readonly parts: number;
  readonly scored: number;
  readonly notScored: Readonly<Partial<Record<NotScored, number>>>;
  readonly predictedFail: number;
  /** Of the scored; undefined where none is. */
  readonly failRate: number | undefined;
  /** Scored parts by what the tester says of them, and how many of those the model fails. */
  readonly byTester: Readonly<
    Record<FlagVerdict, { readonly scored: number; readonly predictedFail: number }>
  >;
  /** Of the scored parts that the tester failed, those that the model fails too. */
  readonly caughtRate: number | undefined;
  /** Of the scored parts that the tester passed, those that the model fails. */
  readonly flaggedRate: number | undefined;
}

/** What of a part its agreement is told by. */
export interface JudgedPart {
  readonly part: { readonly verdict: FlagVerdict };
  readonly outcome: PartOutcome;
}

export function agreementOf(parts: Iterable<JudgedPart>): Agreement {
  const tally = new AgreementTally();
  for (const { part, outcome } of parts)
    tally.add(part.verdict, outcome.kind === 'scored' ? outcome.prediction : outcome.reason);
  return tally.agreement();
}

/** Counts parts as they come. */
export class AgreementTally {
  readonly #notScored = new Map<NotScored, number>();
  readonly #byTester = {
    pass: { scored: 0, predictedFail: 0 },
    fail: { scored: 0, predictedFail: 0 },
    none: { scored: 0, predictedFail: 0 },
  };
  #parts = 0;

  /** @param model its decision, or why it made none */
  add(tester: FlagVerdict, model: Decision | NotScored): void {
    this.#parts++;
    if (model !== 'pass' && model !== 'fail') {
      this.#notScored.set(model, (this.#notScored.get(model) ?? 0) + 1);
      return;
    }
    const tally = this.#byTester[tester];
    tally.scored++;
    if (model === 'fail') tally.predictedFail++;
  }

  agreement(): Agreement {
    const { pass, fail, none } = this.#byTester;
    const scored = pass.scored + fail.scored + none.scored;
    const predictedFail = pass.predictedFail + fail.predictedFail + none.predictedFail;
    return {
      parts: this.#parts,
      scored,
      notScored: Object.fromEntries(this.#notScored),
      predictedFail,
      failRate: share(predictedFail, scored),
      byTester: this.#byTester,
      caughtRate: share(fail.predictedFail, fail.scored),
      flaggedRate: share(pass.predictedFail, pass.scored),
    };
  }
}

/** One for each die: the parts that no later touchdown replaces. */
export function* lastTouchdowns(parts: Iterable<ScoredPart>): Generator<ScoredPart, void, void> {
  for (const part of parts) if (part.final) yield part;
}

/** What was not scored and why, the most frequent first. */
export function reasonsNotScored({ notScored }: Agreement): (readonly [text: string, parts: number])[] {
  return Object.entries(NOT_SCORED)
    .map(([reason, text]) => [text, countOf(notScored, reason)] as const)
    .filter(([, parts]) => parts > 0)
    .sort(([, a], [, b]) => b - a);
}

function countOf(counts: Readonly<Record<string, number>>, reason: string): number {
  return counts[reason] ?? 0;
}

function share(part: number, whole: number): number | undefined {
  return whole === 0 ? undefined : part / whole;
}
