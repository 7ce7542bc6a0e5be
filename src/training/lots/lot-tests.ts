import type { Limits, Lot, TestDefinition } from '../../stdf/stdf.js';
import type { ParameterFacts } from '../table/parameter-table.js';
import type { ReasonForTest } from './lot-account.js';

/** Longest name and unit that a manifest holds. */
const MAX_NAME_LENGTH = 128;
const MAX_UNIT_LENGTH = 32;

/** A test number of the lots that has parametric results. */
export interface LotTest {
  readonly testNumber: number;
  /** The facts for the manifest: limits as short decimals that are the file's float32. */
  readonly facts: ParameterFacts;
  /** The facts with the limits as the file has them, for comparing float32 values with. */
  readonly exact: ParameterFacts;
  /** Why no model can read it, whatever its results are. */
  readonly unreadable: ReasonForTest | undefined;
}

/** Learns the tests of several files by their number; the first file says name, unit and limits. */
export interface LotTests {
  /** The tests of one file, once it has been read. */
  add(lot: Pick<Lot, 'tests'>): void;
  byNumber(): ReadonlyMap<number, LotTest>;
}

/**
 * Models find a test by TEST_NUM alone, so a number that stands for several tests is unreadable,
 * whether within a file or between files; a record or a file without the name or unit contradicts
 * none. Limits are those of the test's first record, in its units and unscaled, as results are
 * (scales are for display).
 */
export function createLotTests(): LotTests {
  const known = new Map<number, OpenTest>();
  return {
    byNumber: () => new Map([...known].map(([testNumber, test]) => [testNumber, closed(testNumber, test)])),
    add({ tests }) {
      for (const { testNum, kind, testTxt, display, limits } of tests) {
        let test = known.get(testNum);
        if (test === undefined) {
          test = { kinds: new Set(), names: new Set(), units: new Set(), limits: undefined };
          known.set(testNum, test);
        }
        const [name, unit] = [printable(testTxt), printable(display.units)];
        test.kinds.add(kind);
        if (name !== '') test.names.add(name);
        if (unit !== '') test.units.add(unit);
        if (kind !== 'Ftr') test.limits ??= limits;
      }
    },
  };
}

/** A test number as the files have it so far; sets are in the order of the files. */
interface OpenTest {
  readonly kinds: Set<TestDefinition['kind']>;
  readonly names: Set<string>;
  readonly units: Set<string>;
  limits: Limits | undefined;
}

function closed(testNumber: number, { kinds, names, units, limits }: OpenTest): LotTest {
  const [name = ''] = names;
  const [unit] = units;
  const facts = {
    name: `${testNumber} ${name}`.trim().slice(0, MAX_NAME_LENGTH),
    ...(unit !== undefined && { unit: unit.slice(0, MAX_UNIT_LENGTH) }),
    testNumber,
  };
  const withLimits = (form: (limit: number) => number): ParameterFacts => ({
    ...facts,
    ...(limits?.lo !== undefined && { lowLimit: form(limits.lo) }),
    ...(limits?.hi !== undefined && { highLimit: form(limits.hi) }),
  });
  const shared = kinds.size > 1 || names.size > 1;
  return {
    testNumber,
    facts: withLimits(shortDecimal),
    exact: withLimits((limit) => limit),
    unreadable: shared ? 'shared_number' : units.size > 1 ? 'mixed_units' : undefined,
  };
}

/** Texts of a file are untrusted and padded: one line, single spaces. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\s]+/gu, ' ').trim();
}

/** The shortest decimal that is this number in float32: 0.1 and not 0.10000000149011612. */
export function shortDecimal(value: number): number {
  for (let digits = 6; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return value;
}
