import { type InputFault, MAX_LISTED_FAULTS, Refusal } from '../errors.js';
import { describeInput } from '../schema-faults.js';
import {
  type CategoryParameter,
  type DieLabel,
  isDieLabelField,
  knownCategories,
  type MeasurementContract,
  type Measurements,
} from './die.js';

/**
 * Puts the positions of categories into the rows, where a die's label says them, and refuses what is none.
 * @param contract one with categories: anything else is left as it is
 * @param pathOf where a value stands in the request, for the refusal
 * @throws Refusal `invalid_input` with a fault for each such value
 */
export function fillCategories(
  { labels, params }: Measurements,
  contract: MeasurementContract,
  pathOf: (die: number, parameter: number) => string,
): void {
  const { categories, parameterCount, acceptsMissing } = contract;
  if (categories === undefined) return;
  const faults: InputFault[] = [];
  let total = 0;
  const fault = (die: number, index: number, message: string) => {
    total++;
    if (faults.length < MAX_LISTED_FAULTS) faults.push({ path: pathOf(die, index), message });
  };
  labels.forEach((label, die) => {
    for (const category of categories) {
      const at = die * parameterCount + category.index;
      const position = positionOf(category, params[at], category.label && labelNamed(label, category.label));
      if (typeof position === 'number') params[at] = position;
      else if (position !== MISSING || !acceptsMissing)
        fault(
          die,
          category.index,
          `${category.name}: expected ${knownCategories(category)}, found ${position}`,
        );
    }
    if (acceptsMissing) return;
    for (let i = 0; i < parameterCount; i++) {
      const isCategory = categories.some(({ index }) => index === i);
      if (!isCategory && Number.isNaN(params[die * parameterCount + i]))
        fault(die, i, 'expected a number, found null');
    }
  });
  const [first] = faults;
  if (first === undefined) return;
  throw new Refusal('invalid_input', `${first.path}: ${first.message}`, { faults, totalFaults: total });
}

/** A parameter as far as it says whether it is a category. */
interface MaybeCategory {
  readonly name: string;
  readonly categories?: readonly string[] | undefined;
  readonly label?: string | undefined;
  readonly unknown?: string | undefined;
}

/** The parameters that are no numbers, by their places. */
export function categoriesOf(parameters: readonly MaybeCategory[]): CategoryParameter[] {
  return parameters.flatMap(({ name, categories, label, unknown }, index) => {
    if (categories === undefined) return [];
    const positions = new Map(categories.map((category, i) => [category, i]));
    const ofUnknown = unknown === undefined ? undefined : positions.get(unknown);
    return [{ index, name, positions, label, unknown: ofUnknown }];
  });
}

/** The label of a die by its name; undefined where it has none. */
export function labelNamed(label: DieLabel, name: string): string | undefined {
  const said = isDieLabelField(name) ? label[name] : label.others?.[name];
  return said === null || said === undefined ? undefined : String(said);
}

/** The position of a category by its name; undefined where it is none and none stands for the unknown. */
export function positionNamed({ positions, unknown }: CategoryParameter, name: string): number | undefined {
  return positions.get(name) ?? unknown;
}

const MISSING = 'null';

/** The position of a die's category, or what was found in its place. */
function positionOf(
  { positions, unknown, label }: CategoryParameter,
  value: number | undefined,
  said: string | undefined,
): number | string {
  if (value !== undefined && !Number.isNaN(value))
    return Number.isInteger(value) && value >= 0 && value < positions.size ? value : `position ${value}`;
  if (said === undefined) return unknown ?? (label === undefined ? MISSING : `null, and no ${label}`);
  return positions.get(said) ?? unknown ?? `${label} ${describeInput(said)}`;
}
