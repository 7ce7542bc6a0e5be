import { type InputFault, MAX_LISTED_FAULTS, Refusal } from '../errors.js';
import type { Measurements, ParameterBounds } from './die.js';

/**
 * Refuses dies with values outside of what the model was made for; a missing value is not outside.
 * @param bounds one for each parameter
 * @param pathOf where a value stands in the request, for the refusal
 * @throws Refusal `invalid_input` with a fault for each such value
 */
export function assertWithinBounds(
  { labels, params }: Measurements,
  bounds: readonly ParameterBounds[],
  pathOf: (die: number, parameter: number) => string,
): void {
  const faults: InputFault[] = [];
  let total = 0;
  for (let die = 0; die < labels.length; die++) {
    for (let i = 0; i < bounds.length; i++) {
      const bound = bounds[i];
      const value = params[die * bounds.length + i];
      if (bound === undefined || value === undefined || !isOutside(value, bound)) continue;
      total++;
      if (faults.length === MAX_LISTED_FAULTS) continue;
      faults.push({
        path: pathOf(die, i),
        message: `${bound.name}: expected ${rangeOf(bound)}, found ${shown(value)}`,
      });
    }
  }
  const [first] = faults;
  if (first === undefined) return;
  throw new Refusal('invalid_input', `${first.path}: ${first.message}`, { faults, totalFaults: total });
}

// A bound is compared as the value travels, in float32: 1.1 is not above a maximum of 1.1.
function isOutside(value: number, { minimum, maximum, whole }: ParameterBounds): boolean {
  if (whole === true && !Number.isInteger(value) && !Number.isNaN(value)) return true;
  return value < Math.fround(minimum) || value > Math.fround(maximum);
}

function rangeOf({ minimum, maximum, unit, whole }: ParameterBounds): string {
  const inUnit = unit === undefined ? '' : ` ${unit}`;
  if (whole === true) return `a whole number from ${minimum} to ${maximum}${inUnit}`;
  if (minimum === Number.NEGATIVE_INFINITY) return `at most ${maximum}${inUnit}`;
  if (maximum === Number.POSITIVE_INFINITY) return `at least ${minimum}${inUnit}`;
  return `${minimum} to ${maximum}${inUnit}`;
}

/** As it was probably sent: float32 holds seven digits. */
function shown(value: number): number {
  return Number(value.toPrecision(7));
}
