import type { MeasurementContract, ParameterKey } from '../die/die.js';

interface HasContract {
  readonly contract: MeasurementContract;
}

/** Whether the dies of one version can be scored by the other as they are: as many values, and at each place the same. */
export function readAlike(a: HasContract, b: HasContract): boolean {
  return a.contract === b.contract || contractDifference(a, b) === undefined;
}

/** In what the dies that two versions read differ first, as words; undefined where they are the same. */
export function contractDifference(
  { contract: a }: HasContract,
  { contract: b }: HasContract,
): string | undefined {
  if (a.parameterCount !== b.parameterCount)
    return `${a.parameterCount} parameters and ${b.parameterCount} parameters`;
  if (a.acceptsMissing !== b.acceptsMissing)
    return a.acceptsMissing ? 'missing values and none' : 'no missing values and missing ones';
  if (a.kinds !== b.kinds) return 'whole numbers or categories in one and other values in the other';
  return parameterDifference(a.parameters, b.parameters);
}

/** Where one of them does not name its parameters, nothing speaks against the other's. */
function parameterDifference(
  a: readonly ParameterKey[] = [],
  b: readonly ParameterKey[] = [],
): string | undefined {
  if (a.length === 0 || b.length === 0) return undefined;
  const shared = new Set([...sharedNumbers(a), ...sharedNumbers(b)]);
  for (const [i, one] of a.entries()) {
    const other = b[i];
    if (other === undefined || isSame(one, other, shared)) continue;
    return `${shown(one)} and ${shown(other)} as parameter ${i}`;
  }
  return undefined;
}

/**
 * By the test's number, which a test program keeps when a name is written otherwise; by the name where a number is not known,
 * or several tests have it (93K programs leave all at 0).
 */
function isSame(a: ParameterKey, b: ParameterKey, shared: ReadonlySet<number>): boolean {
  if (a.testNumber === undefined || b.testNumber === undefined) return a.name === b.name;
  if (a.testNumber !== b.testNumber) return false;
  return !shared.has(a.testNumber) || a.name === b.name;
}

function sharedNumbers(parameters: readonly ParameterKey[]): number[] {
  const seen = new Set<number>();
  return parameters.flatMap(({ testNumber }) => {
    if (testNumber === undefined) return [];
    const isSecond = seen.has(testNumber);
    seen.add(testNumber);
    return isSecond ? [testNumber] : [];
  });
}

function shown({ name, testNumber }: ParameterKey): string {
  return testNumber === undefined ? `"${name}"` : `"${name}" (test ${testNumber})`;
}
