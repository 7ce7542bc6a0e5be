import type { Contribution } from '../die/prediction.js';
import type { Parameter } from '../models/manifest/manifest.js';
import type { TestDefinition } from '../stdf/stdf.js';
import { numberText } from '../wafermap/text.js';

/** One test that contributed to a score, as an engineer names it. */
export interface Explanation {
  readonly testNumber: number | undefined;
  readonly name: string;
  readonly unit: string | undefined;
  readonly value: number | null;
  readonly expected: number | null;
  readonly lowLimit: number | undefined;
  readonly highLimit: number | undefined;
  /** Share of the score, 0 to 1. */
  readonly share: number;
}

/** A contribution with its test's number, unit and limits: the manifest's, else the lot's own. */
export function explanationOf(
  { index, name, value, expected, share }: Contribution,
  parameters: readonly Parameter[],
  testOf: (testNumber: number | undefined) => TestDefinition | undefined,
): Explanation {
  const parameter = parameters[index];
  const test = testOf(parameter?.testNumber);
  const units = test?.display.units.trim();
  return {
    testNumber: parameter?.testNumber,
    name,
    unit: parameter?.unit ?? (units === '' ? undefined : units),
    value,
    expected,
    lowLimit: parameter?.lowLimit ?? test?.limits.lo,
    highLimit: parameter?.highLimit ?? test?.limits.hi,
    share,
  };
}

/** `1040 glxy_VOH: 2.314 V (limits 2.4 to 3.6, expected 2.91), 41%`. */
export function explanationText(explanation: Explanation): string {
  const { testNumber, name, unit, value, expected, share } = explanation;
  const measured = value === null ? 'no value' : [numberText(value), unit ?? ''].join(' ').trim();
  const known = [limitsText(explanation), expected === null ? '' : `expected ${numberText(expected)}`];
  const context = known.filter((text) => text !== '').join(', ');
  const cleaned = name.replace(/\s+/g, ' ').trim();
  // Trained on a lot, a parameter's name begins with its test's number.
  const title =
    testNumber === undefined || cleaned.startsWith(`${testNumber} `) ? cleaned : `${testNumber} ${cleaned}`;
  return `${title}: ${measured}${context === '' ? '' : ` (${context})`}, ${Math.round(100 * share)}%`;
}

function limitsText({ lowLimit, highLimit }: Explanation): string {
  if (lowLimit === undefined) return highLimit === undefined ? '' : `limit at most ${numberText(highLimit)}`;
  if (highLimit === undefined) return `limit at least ${numberText(lowLimit)}`;
  return `limits ${numberText(lowLimit)} to ${numberText(highLimit)}`;
}
