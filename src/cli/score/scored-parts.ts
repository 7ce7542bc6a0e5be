import { isDeepStrictEqual } from 'node:util';
import { type DieLabel, DieLabelSchema } from '../../die/die.js';
import type { Decision } from '../../die/prediction.js';
import type { Dies } from '../../lots/dies/die-register.js';
import { growingColumn, textColumn } from '../../lots/dies/growing-columns.js';
import type { Touchdown } from '../../lots/dies/touchdown.js';
import type { Touchdowns } from '../../lots/dies/touchdown-columns.js';
import type { Explanation } from '../../lots/explanation.js';
import { type Agreement, AgreementTally } from './agreement.js';
import { NOT_SCORED, type NotScored, type PartOutcome, type ScoredPart } from './scored-part.js';

/** The parts of a scored lot, in the order in which they were tested; each is made when it comes. */
export interface ScoredParts extends Iterable<ScoredPart> {
  readonly length: number;
  /** Counted without making any. */
  readonly counts: ScoredCounts;
}

/** How many there are of what. */
interface ScoredCounts {
  /** Of all parts, and of dies by their last touchdown. */
  readonly parts: Agreement;
  readonly dies: Agreement;
  /** Dies that were touched more than once. */
  readonly retested: number;
  /** Parts without coordinates. */
  readonly unplaced: number;
}

/** What is kept of a part beside its touchdown. */
interface KeptPart {
  readonly label: DieLabel;
  readonly softBin: number | undefined;
  readonly measured: number;
  readonly file: string;
}

/** What the parts around a part have in common with it. */
type Shared = Omit<DieLabel, 'die_id' | 'x' | 'y'>;
const SHARED_FIELDS = DieLabelSchema.omit({ die_id: true, x: true, y: true }).keyof().options;

const OUTCOMES: readonly (Decision | NotScored)[] = ['pass', 'fail', ...reasons()];
const NO_BIN = -1;

/**
 * Keeps the scored parts of a lot in columns: some hundred bytes a part with what its touchdown needs, where
 * objects took ten times as many. Explanations are kept as they are.
 */
export class ScoredColumns {
  #length = 0;
  readonly #dieId = textColumn();
  readonly #shared = growingColumn((room) => new Uint32Array(room));
  readonly #softBin = growingColumn((room) => new Int32Array(room));
  readonly #measured = growingColumn((room) => new Uint32Array(room));
  /** Position among OUTCOMES. */
  readonly #outcome = growingColumn((room) => new Uint8Array(room));
  readonly #confidence = growingColumn((room) => new Float64Array(room));
  readonly #score = growingColumn((room) => new Float64Array(room));
  readonly #explanations: (readonly Explanation[])[] = [];
  readonly #contexts: { readonly shared: Shared; readonly file: string }[] = [];

  get length(): number {
    return this.#length;
  }

  /** @returns its number, the entry of its touchdown in the register */
  add({ label, softBin, measured, file }: KeptPart, reason: NotScored): number {
    this.#dieId.push(label.die_id);
    this.#shared.push(this.#contextOf(label, file));
    this.#softBin.push(softBin ?? NO_BIN);
    this.#measured.push(measured);
    this.#outcome.push(OUTCOMES.indexOf(reason));
    this.#confidence.push(0);
    this.#score.push(0);
    return this.#length++;
  }

  settle(entry: number, outcome: PartOutcome): void {
    this.#outcome.set(
      entry,
      OUTCOMES.indexOf(outcome.kind === 'scored' ? outcome.prediction : outcome.reason),
    );
    if (outcome.kind !== 'scored') return;
    this.#confidence.set(entry, outcome.confidence);
    this.#score.set(entry, outcome.score);
    if (outcome.explanations.length > 0) this.#explanations[entry] = outcome.explanations;
  }

  /** @param touched the touchdown of each entry */
  parts(dies: Dies, touched: Touchdowns): ScoredParts {
    const partAt = (entry: number): ScoredPart => this.#at(entry, dies, touched.at(entry));
    return {
      length: this.#length,
      counts: this.#counts(dies, touched),
      *[Symbol.iterator]() {
        for (const entry of dies.order) yield partAt(entry);
      },
    };
  }

  #counts({ touchdowns, replacedBy }: Dies, touched: Touchdowns): ScoredCounts {
    const [parts, dies] = [new AgreementTally(), new AgreementTally()];
    let [retested, unplaced] = [0, 0];
    for (let entry = 0; entry < this.#length; entry++) {
      const [tester, model] = [touched.verdictAt(entry), this.#modelAt(entry)];
      parts.add(tester, model);
      if (!touched.isPlaced(entry)) unplaced++;
      if ((replacedBy[entry] ?? -1) >= 0) continue;
      dies.add(tester, model);
      if ((touchdowns[entry] ?? 1) > 1) retested++;
    }
    return { parts: parts.agreement(), dies: dies.agreement(), retested, unplaced };
  }

  #modelAt(entry: number): Decision | NotScored {
    return OUTCOMES[this.#outcome.at(entry)] ?? 'inference_failed';
  }

  #at(entry: number, { touchdowns, replacedBy }: Dies, touchdown: Touchdown | undefined): ScoredPart {
    const context = this.#contexts[this.#shared.at(entry)];
    if (touchdown === undefined || context === undefined) throw new Error(`no part ${entry}`);
    const { part } = touchdown;
    const softBin = this.#softBin.at(entry);
    return {
      label: { die_id: this.#dieId.at(entry) ?? '', ...context.shared, x: part.x, y: part.y },
      part: { ...part, softBin: softBin === NO_BIN ? undefined : softBin },
      file: context.file,
      measured: this.#measured.at(entry),
      outcome: this.#outcomeAt(entry),
      touchdown: touchdowns[entry] ?? 1,
      final: (replacedBy[entry] ?? -1) < 0,
    };
  }

  #outcomeAt(entry: number): PartOutcome {
    const found = this.#modelAt(entry);
    if (found !== 'pass' && found !== 'fail') return { kind: 'not_scored', reason: found };
    return {
      kind: 'scored',
      prediction: found,
      confidence: this.#confidence.at(entry),
      score: this.#score.at(entry),
      explanations: this.#explanations[entry] ?? [],
    };
  }

  #contextOf(label: DieLabel, file: string): number {
    const last = this.#contexts.at(-1);
    if (last === undefined || last.file !== file || !isAlike(last.shared, label)) {
      const { die_id: _id, x: _x, y: _y, ...shared } = label;
      this.#contexts.push({ shared, file });
    }
    return this.#contexts.length - 1;
  }
}

/** Whether a die has all of this in common with those before it, and nothing else. */
function isAlike(shared: Shared, label: DieLabel): boolean {
  for (const field of SHARED_FIELDS) if (shared[field] !== label[field]) return false;
  return shared.others === label.others || isDeepStrictEqual(shared.others, label.others);
}

function reasons(): NotScored[] {
  return Object.keys(NOT_SCORED).filter(isReason);
}

function isReason(found: string): found is NotScored {
  return Object.hasOwn(NOT_SCORED, found);
}
