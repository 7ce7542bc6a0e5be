import { isDeepStrictEqual } from 'node:util';
import type { DieLabel } from '../../die/die.js';
import type { Dies } from '../../lots/dies/die-register.js';
import { growingColumn, textColumn } from '../../lots/dies/growing-columns.js';
import type { Touchdown } from '../../lots/dies/touchdown.js';
import type { Explanation } from '../../lots/explanation.js';
import { NOT_SCORED, type NotScored, type PartOutcome, type ScoredPart } from './scored-part.js';

/** The parts of a scored lot, in the order in which they were tested; each is made when it comes. */
export interface ScoredParts extends Iterable<ScoredPart> {
  readonly length: number;
}

/** What is kept of a part beside its touchdown. */
export interface KeptPart {
  readonly label: DieLabel;
  readonly softBin: number | undefined;
  readonly measured: number;
  readonly file: string;
}

/** What the parts around a part have in common with it. */
type Shared = Omit<DieLabel, 'die_id' | 'x' | 'y'>;

const OUTCOMES: readonly string[] = ['pass', 'fail', ...Object.keys(NOT_SCORED)];
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

  /** @param touchdownAt the touchdown of each entry */
  parts(dies: Dies, touchdownAt: (entry: number) => Touchdown | undefined): ScoredParts {
    const partAt = (entry: number): ScoredPart => this.#at(entry, dies, touchdownAt(entry));
    return {
      length: this.#length,
      *[Symbol.iterator]() {
        for (const entry of dies.order) yield partAt(entry);
      },
    };
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
    const found = OUTCOMES[this.#outcome.at(entry)] ?? '';
    if (found !== 'pass' && found !== 'fail') return { kind: 'not_scored', reason: reasonOf(found) };
    return {
      kind: 'scored',
      prediction: found,
      confidence: this.#confidence.at(entry),
      score: this.#score.at(entry),
      explanations: this.#explanations[entry] ?? [],
    };
  }

  #contextOf({ die_id: _id, x: _x, y: _y, ...shared }: DieLabel, file: string): number {
    const last = this.#contexts.at(-1);
    if (last === undefined || last.file !== file || !isDeepStrictEqual(last.shared, shared)) {
      this.#contexts.push({ shared, file });
    }
    return this.#contexts.length - 1;
  }
}

function reasonOf(found: string): NotScored {
  return isReason(found) ? found : 'inference_failed';
}

function isReason(found: string): found is NotScored {
  return Object.hasOwn(NOT_SCORED, found);
}
