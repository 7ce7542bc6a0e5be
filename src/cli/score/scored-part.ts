import type { DieLabel } from '../../die/die.js';
import type { Decision } from '../../die/prediction.js';
import type { TouchedPart } from '../../lots/dies/touchdown.js';
import type { Explanation } from '../../lots/explanation.js';
import { WHY_UNSCORABLE } from '../../lots/unscorable.js';
import type { Part } from '../../stdf/stdf.js';

/** Why a part has no prediction, and the words for it. */
export const NOT_SCORED = {
  ...WHY_UNSCORABLE,
  not_finite: "the model's score is not a finite number",
  inference_failed: 'the model could not be run on it',
} as const;

export type NotScored = keyof typeof NOT_SCORED;

export type PartOutcome =
  | {
      readonly kind: 'scored';
      readonly prediction: Decision;
      readonly confidence: number;
      readonly score: number;
      readonly explanations: readonly Explanation[];
    }
  | { readonly kind: 'not_scored'; readonly reason: NotScored };

/** One part of a lot with its prediction. */
export interface ScoredPart {
  readonly label: DieLabel;
  /** What of the part is kept. */
  readonly part: TouchedPart & Pick<Part, 'softBin'>;
  /** The file that it is in. */
  readonly file: string;
  /** How many of the model's tests have a value. */
  readonly measured: number;
  readonly outcome: PartOutcome;
  /** 1 for the first touchdown of a die. */
  readonly touchdown: number;
  /** Whether no later touchdown replaces it. */
  readonly final: boolean;
}
