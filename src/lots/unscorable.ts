import type { MeasuredPart } from './measure-part.js';

/** Why a part of a lot is not handed to a model, by whatever command. */
export const UNSCORABLE = ['not_ended', 'no_results', 'missing_values'] as const;
export type Unscorable = (typeof UNSCORABLE)[number];

/** The words for it. */
export const WHY_UNSCORABLE = {
  not_ended: 'no PRR: the part never ended',
  no_results: "no parametric results for the model's tests",
  missing_values: 'missing values, which the model does not accept',
} as const satisfies Readonly<Record<Unscorable, string>>;

/** Why a part is not handed to a model; undefined where it is. A die of which nothing was measured has no score. */
export function whyUnscorable(
  { part, measured, params }: MeasuredPart,
  acceptsMissing: boolean,
): Unscorable | undefined {
  if (part.end !== 'ended') return 'not_ended';
  return whyUnscorableValues(measured, params.length, acceptsMissing);
}

/** The same of values alone, `measured` of `parameterCount` that are there. */
export function whyUnscorableValues(
  measured: number,
  parameterCount: number,
  acceptsMissing: boolean,
): Exclude<Unscorable, 'not_ended'> | undefined {
  if (measured === 0) return 'no_results';
  return measured < parameterCount && !acceptsMissing ? 'missing_values' : undefined;
}
