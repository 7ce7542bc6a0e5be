import type { Contribution } from '../die/prediction.js';
import type { Parameter } from '../models/manifest/input-schema.js';
import type { ValueFacts } from './measure-part.js';
import { PLAIN_FORM, type ShownForm, shownFormOf, shownNumbers, withUnit } from './shown-value.js';

/** One test that contributed to a score, as an engineer names it. */
export interface Explanation {
  readonly testNumber: number | undefined;
  /** What tells tests of one number apart: name, and of an MPR the result's position and pin. */
  readonly testName: string | undefined;
  readonly position: number | undefined;
  readonly pin: string | undefined;
  /** Of the parameter. */
  readonly name: string;
  readonly unit: string | undefined;
  /** How the tester shows the test, where the lot says it in the same unit; the numbers here are not scaled. */
  readonly display: ShownForm | undefined;
  readonly value: number | null;
  readonly expected: number | null;
  /** What the other values of the die let expect, and how far it is from there in sigma, of a dependency screen. */
  readonly expectedByOthers: number | undefined;
  readonly residual: number | undefined;
  readonly lowLimit: number | undefined;
  readonly highLimit: number | undefined;
  /** Share of the score, 0 to 1. */
  readonly share: number;
}

/**
 * A contribution with its test's number, unit and limits: those in force at the part where the lot says
 * them, else the manifest's.
 */
export function explanationOf(
  { index, name, value, expected, share, residual, expected_by_others: expectedByOthers }: Contribution,
  parameters: readonly Parameter[],
  facts: ValueFacts | undefined,
): Explanation {
  const parameter = parameters[index];
  const units = facts?.display?.units.trim();
  const limits = facts?.lowLimit === undefined && facts?.highLimit === undefined ? parameter : facts;
  return {
    testNumber: parameter?.testNumber,
    testName: parameter?.testName,
    position: parameter?.position,
    pin: parameter?.pin,
    name,
    unit: parameter?.unit ?? (units === '' ? undefined : units),
    display: facts?.display === undefined ? undefined : shownFormOf(facts.display),
    value,
    expected,
    expectedByOthers,
    residual,
    lowLimit: limits?.lowLimit,
    highLimit: limits?.highLimit,
    share,
  };
}

/** `1040 glxy_VOH: 2.314 V (limits 2.4 to 3.6, expected 2.91), 41%`, in the tester's display unit where it has one. */
export function explanationText(explanation: Explanation): string {
  const { unit, display, value, lowLimit, highLimit, share } = explanation;
  const form = display ?? { ...PLAIN_FORM, unit: unit ?? '' };
  const { expectedByOthers, residual } = explanation;
  const numbers = [
    value ?? undefined,
    lowLimit,
    highLimit,
    explanation.expected ?? undefined,
    expectedByOthers,
  ];
  const [shown, low, high, expected, byOthers] = shownNumbers(numbers, form);
  const measured = shown === undefined ? 'no value' : withUnit(shown, form);
  const known = [
    limitsText(low, high),
    expected === undefined ? '' : `expected ${expected}`,
    byOthers === undefined ? '' : `by the others ${byOthers}`,
    residual === undefined ? '' : `${residual < 0 ? '' : '+'}${residual.toFixed(1)} sigma`,
  ];
  const context = known.filter((text) => text !== '').join(', ');
  return `${explainedTitle(explanation)}: ${measured}${context === '' ? '' : ` (${context})`}, ${Math.round(100 * share)}%`;
}

/** A test's number and name; trained on a lot, a parameter's name begins with the number. */
export function explainedTitle({ testNumber, name }: Pick<Explanation, 'testNumber' | 'name'>): string {
  const cleaned = name.replace(/\s+/g, ' ').trim();
  return testNumber === undefined || [' ', '['].some((next) => cleaned.startsWith(`${testNumber}${next}`))
    ? cleaned
    : `${testNumber} ${cleaned}`;
}

function limitsText(low: string | undefined, high: string | undefined): string {
  if (low === undefined) return high === undefined ? '' : `limit at most ${high}`;
  return high === undefined ? `limit at least ${low}` : `limits ${low} to ${high}`;
}
