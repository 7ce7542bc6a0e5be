import type { MeasurementContract, ParameterKey } from '../../die/die.js';
import { describeInput } from '../../schema-faults.js';

/** Where in a die, and what is wrong there. */
interface KeyedFault {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

/** A die whose values are in the order of the contract. */
interface ArrangedDie {
  readonly die: unknown;
  /** What its keys do wrong; its values are left to the die's schema. */
  readonly faults: readonly KeyedFault[];
  /** The place that the schema names, in the die as it was sent. */
  readonly pathOf: (path: readonly PropertyKey[]) => readonly PropertyKey[];
}

const asItIs = (path: readonly PropertyKey[]) => path;

/**
 * A die whose `test_params` is an object by parameter name or test number, as one with an array; every other value
 * as it is. A parameter that it has no key for is missing. A key that is no parameter's is a fault: a name
 * that is spelt wrongly would otherwise be a missing value without a word.
 */
export function arrange(value: unknown, contract: MeasurementContract): ArrangedDie {
  const { parameters } = contract;
  if (!isObject(value) || !isObject(value.test_params) || parameters === undefined)
    return { die: value, faults: [], pathOf: asItIs };
  const places = placesOf(parameters);
  const faults: KeyedFault[] = [];
  const keys = new Array<string | undefined>(parameters.length);
  const values = new Array<unknown>(parameters.length).fill(null);
  for (const [key, measured] of Object.entries(value.test_params)) {
    const place = places.get(key);
    if (typeof place !== 'number') faults.push({ path: ['test_params', key], message: noPlace(key, place) });
    else if (keys[place] !== undefined)
      faults.push({
        path: ['test_params', key],
        message: `expected each parameter once, found it as "${keys[place]}" too`,
      });
    else {
      keys[place] = key;
      values[place] = measured;
    }
  }
  if (!contract.acceptsMissing) faults.push(...missing(parameters, contract, keys, values));
  return {
    die: { ...value, test_params: values },
    faults,
    pathOf: (path) => {
      const [field, place] = path;
      const key = field === 'test_params' && typeof place === 'number' ? keys[place] : undefined;
      return key === undefined ? path : ['test_params', key];
    },
  };
}

/**
 * Faults of parameters that have no key, and that no label of the die stands for; a 0 stands for their values, so that the
 * schema does not say it again.
 */
function missing(
  parameters: readonly ParameterKey[],
  { categories = [] }: MeasurementContract,
  keys: readonly (string | undefined)[],
  values: unknown[],
): KeyedFault[] {
  const labelled = new Set(categories.flatMap(({ index, label }) => (label === undefined ? [] : [index])));
  return parameters.flatMap(({ name }, place) => {
    if (keys[place] !== undefined || labelled.has(place)) return [];
    values[place] = 0;
    return [{ path: ['test_params', name], message: 'expected a number, found nothing' }];
  });
}

function noPlace(key: string, place: 'ambiguous' | undefined): string {
  const found = describeInput(key);
  return place === undefined
    ? `expected the name or the test number of a parameter of the model, found ${found}`
    : `expected a name or test number that only one parameter has, found ${found}`;
}

// By the list of parameters, of which each version has one.
const known = new WeakMap<readonly ParameterKey[], ReadonlyMap<string, number | 'ambiguous'>>();

/** The place of each name and of each test number; a name counts before the number of another. */
function placesOf(parameters: readonly ParameterKey[]): ReadonlyMap<string, number | 'ambiguous'> {
  let places = known.get(parameters);
  if (places === undefined) {
    const byNumber = parameters.map(({ testNumber }) =>
      testNumber === undefined ? undefined : `${testNumber}`,
    );
    places = new Map([...placesBy(byNumber), ...placesBy(parameters.map(({ name }) => name))]);
    known.set(parameters, places);
  }
  return places;
}

function placesBy(keys: readonly (string | undefined)[]): ReadonlyMap<string, number | 'ambiguous'> {
  const places = new Map<string, number | 'ambiguous'>();
  keys.forEach((key, place) => {
    if (key !== undefined) places.set(key, places.has(key) ? 'ambiguous' : place);
  });
  return places;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
