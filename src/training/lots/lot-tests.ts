import { type ShownForm, shownFormOf } from '../../lots/shown-value.js';
import { createTestMatcher } from '../../lots/tests/match-tests.js';
import {
  AS_WRITTEN,
  identityOfParameter,
  identityOfTest,
  type TestIdentity,
  type TestNaming,
  type TestParameter,
  testTitle,
} from '../../lots/tests/test-identity.js';
import { unitFactor } from '../../lots/tests/units.js';
import type { Lot, TestDefinition, TestLimits } from '../../stdf/stdf.js';
import { shortDecimal } from '../short-decimal.js';
import type { ParameterFacts } from '../table/parameter-table.js';
import type { ConvertedTest, ReasonForTest } from './lot-account.js';

/** Longest name and unit that a manifest holds. */
const MAX_NAME_LENGTH = 128;
const MAX_UNIT_LENGTH = 32;

/** A test of the lots that has values. */
export interface LotTest {
  readonly testNumber: number;
  /** The facts for the manifest: limits as short decimals that are the file's float32. */
  readonly facts: ParameterFacts;
  /** The facts with the limits as the file has them, for comparing float32 values with. */
  readonly exact: ParameterFacts;
  /** How its numbers are shown, in the units of `facts`. */
  readonly form: ShownForm;
  /** Why no model can read it, whatever its results are. */
  readonly unreadable: ReasonForTest | undefined;
}

/** Where the values of a lot's tests go. */
interface LotColumns {
  /** By the index of a test of the lot: the column among {@link LotTests.tests}, -1 for none. */
  readonly columns: Int32Array;
  /** By the index of a test: what its values are multiplied with. */
  readonly factors: Float64Array;
}

/** Learns the tests of several lots; the first one says name, unit and limits. */
export interface LotTests {
  /**
   * The tests of one lot, once it has been read.
   * @param mixed tests of which some record had another unit
   * @param sites by the index of a test: the only site that measured it, -1 where it was several
   */
  add(
    lot: Pick<Lot, 'tests'>,
    file: string,
    mixed: ReadonlySet<number>,
    sites: readonly number[],
  ): LotColumns;
  /** In the order in which they were first met. */
  tests(): readonly LotTest[];
  readonly converted: readonly ConvertedTest[];
}

export interface LotTestsOptions {
  readonly naming?: TestNaming | undefined;
  /** Whether functional tests are tests to learn from. */
  readonly functional?: boolean | undefined;
}

/** A test as the lots have it so far. */
interface OpenTest {
  readonly identity: TestIdentity;
  readonly parameter: TestParameter;
  readonly form: ShownForm;
  limits: TestLimits;
  mixed: boolean;
  /** The only site that measured it; -1 for several. */
  site: number | undefined;
  /** Lots that have it, by their order. */
  readonly lots: Set<number>;
}

/**
 * A test of a lot is that of an earlier one where the matcher of scoring says so; its unit is converted to the
 * earlier one's. Limits are those of the test's first lot, in its units and unscaled, as results are.
 */
export function createLotTests({ naming = AS_WRITTEN, functional = false }: LotTestsOptions = {}): LotTests {
  const open: OpenTest[] = [];
  const converted: ConvertedTest[] = [];
  let lots = 0;

  function columnOf(test: TestDefinition, matched: number): number {
    if (matched >= 0) return matched;
    const identity = identityOfTest(test, naming);
    const known = open.findIndex((each) => sameIdentity(each.identity, identity));
    if (known >= 0) return known;
    const unit = printable(test.display.units);
    const parameter = {
      name: uniqueName(nameOf(identity), open),
      ...identityFacts(identity),
      ...(unit !== '' && { unit }),
    };
    open.push({
      identity: identityOfParameter(parameter),
      parameter,
      form: shownFormOf(test.display),
      limits: test.limits,
      mixed: false,
      site: undefined,
      lots: new Set(),
    });
    return open.length - 1;
  }

  return {
    converted,
    tests: () => open.map((test) => closed(test, open)),
    add({ tests }, file, mixed, sites) {
      const matcher = createTestMatcher(
        open.map(({ parameter }) => parameter),
        naming,
      );
      matcher.update(tests);
      const columns = new Int32Array(tests.length).fill(-1);
      const factors = new Float64Array(tests.length).fill(1);
      for (const test of tests) {
        if (test.kind === 'Ftr' && !functional) continue;
        const column = columnOf(test, matcher.parameters()[test.index] ?? -1);
        const known = open[column];
        if (known === undefined) continue;
        const factor = unitFactor(test.display.units, known.parameter.unit);
        known.mixed ||= factor === undefined || mixed.has(test.index);
        known.lots.add(lots);
        const site = sites[test.index];
        if (site !== undefined) known.site = known.site === undefined || known.site === site ? site : -1;
        columns[test.index] = column;
        factors[test.index] = factor ?? 1;
        if (factor !== undefined && factor !== 1) {
          const to = known.parameter.unit ?? '';
          converted.push({ file, name: known.parameter.name, from: printable(test.display.units), to });
        }
      }
      lots++;
      return { columns, factors };
    },
  };
}

function sameIdentity(a: TestIdentity, b: TestIdentity): boolean {
  return (
    a.functional === b.functional &&
    a.testNumber === b.testNumber &&
    a.testName === b.testName &&
    a.position === b.position &&
    (a.pin === b.pin || a.pin === undefined || b.pin === undefined)
  );
}

function nameOf(identity: TestIdentity): string {
  const kind = identity.functional ? ' (functional)' : '';
  return `${testTitle(identity)}${kind}`.slice(0, MAX_NAME_LENGTH);
}

/** A long name that was cut may be that of another test. */
function uniqueName(name: string, others: readonly OpenTest[]): string {
  let unique = name;
  for (let n = 2; others.some(({ parameter }) => parameter.name === unique); n++) {
    unique = `${name.slice(0, MAX_NAME_LENGTH - 8)} #${n}`;
  }
  return unique;
}

function identityFacts({ testNumber, testName, position, pin, functional }: TestIdentity) {
  return {
    testNumber,
    testName,
    ...(position !== undefined && { position }),
    ...(pin !== undefined && { pin }),
    ...(functional && { functional }),
  };
}

function closed(test: OpenTest, all: readonly OpenTest[]): LotTest {
  const { parameter, limits } = test;
  const { unit } = parameter;
  const facts = { ...parameter, ...(unit !== undefined && { unit: unit.slice(0, MAX_UNIT_LENGTH) }) };
  const withLimits = (form: (limit: number) => number): ParameterFacts => ({
    ...facts,
    ...(limits.lo !== undefined && { lowLimit: form(limits.lo) }),
    ...(limits.hi !== undefined && { highLimit: form(limits.hi) }),
  });
  return {
    testNumber: parameter.testNumber,
    facts: withLimits(shortDecimal),
    exact: withLimits((limit) => limit),
    form: test.form,
    unreadable: unreadableFor(test, all),
  };
}

function unreadableFor(test: OpenTest, all: readonly OpenTest[]): ReasonForTest | undefined {
  const { testNumber, functional } = test.identity;
  const others = all.filter(
    (each) =>
      each !== test &&
      each.identity.testNumber === testNumber &&
      each.identity.functional === functional &&
      each.identity.testName !== test.identity.testName,
  );
  // In no lot beside each other: one number, and another name in another lot.
  const apart = (each: OpenTest) => [...each.lots].every((lot) => !test.lots.has(lot));
  if (others.length > 0 && others.every(apart)) return 'shared_number';
  if (test.mixed) return 'mixed_units';
  const single = (each: OpenTest) => each.site !== undefined && each.site >= 0;
  const elsewhere = others.some((each) => single(each) && each.site !== test.site);
  return single(test) && elsewhere && others.every(single) ? 'site_in_name' : undefined;
}

/**
 * What stands in names for the site that measured them: a pattern that takes it out of all of them, where
 * the names of a number differ in that alone.
 */
export function sitePattern(names: readonly string[]): string | undefined {
  const [first, ...others] = names;
  if (first === undefined || others.length === 0) return undefined;
  const shared = (at: (text: string, i: number) => string | undefined) => {
    let length = 0;
    while (length < first.length && others.every((name) => at(name, length) === at(first, length))) length++;
    return length;
  };
  const start = shared((text, i) => text[i]);
  const end = shared((text, i) => text[text.length - 1 - i]);
  const middles = names.map((name) => name.slice(start, Math.max(start, name.length - end)));
  if (!middles.every((middle) => /^\d+$/.test(middle))) return undefined;
  const before = /(?:[\s_.@:#-]*(?:site|dut|s))?[\s_.@:#-]*$/iu.exec(first.slice(0, start))?.[0] ?? '';
  const after = end === 0 ? '$' : '';
  return `${before.replace(/[.\\+*?^$()[\]{}|/-]/g, '\\$&')}[0-9]+${after}`;
}

/** Texts of a file are untrusted and padded: one line, single spaces. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\s]+/gu, ' ').trim();
}
