import type { TestDefinition } from '../../stdf/stdf.js';
import {
  identityOfParameter,
  identityOfTest,
  type TestIdentity,
  type TestNaming,
  type TestParameter,
} from './test-identity.js';
import { unitFactor } from './units.js';

/** A test as one side of a comparison calls it. */
export interface NamedTest extends TestIdentity {
  readonly unit: string | undefined;
}

/** Why a parameter of a model cannot be read from a lot. */
export const REASONS_REFUSED = {
  absent: 'the lot has no such test',
  other_name: 'the lot has another test under this number',
  other_number: 'the lot has this test under another number',
  other_pin: 'the lot has another pin there',
  other_unit: 'the unit is of another dimension',
  mixed_units: 'records of the test differ in their unit',
} as const;

type ReasonRefused = keyof typeof REASONS_REFUSED;

/** A parameter that no test of the lot may stand for, and what the lot has in its place. */
export interface RefusedParameter {
  /** Position among the model's parameters, from 0. */
  readonly index: number;
  readonly reason: ReasonRefused;
  readonly model: NamedTest;
  /** Tests of the lot that come near it, at most {@link MOST_FOUND}. */
  readonly lot: readonly NamedTest[];
}

/** A parameter whose values are multiplied with `factor`, as the lot's unit has another prefix. */
interface ConvertedParameter {
  readonly index: number;
  readonly model: NamedTest;
  readonly lot: NamedTest;
  readonly factor: number;
}

/** How the tests of a lot and the parameters of a model go together. */
export interface TestMatch {
  /** Parameters that a test of the lot stands for, the converted ones among them. */
  readonly matched: readonly number[];
  readonly converted: readonly ConvertedParameter[];
  readonly refused: readonly RefusedParameter[];
}

/** Finds for each test of a lot the parameter that reads it. Pure; tests may become known one by one. */
export interface TestMatcher {
  /** Takes in the tests that are new, or have got a name, since the last call. What a test stands for never changes. */
  update(tests: readonly TestDefinition[]): void;
  /** By the index of a test: the parameter that reads it, -1 for none. Valid until the next update. */
  readonly parameters: () => Int32Array;
  /** By the index of a test: what its values are multiplied with. Valid until the next update. */
  readonly factors: () => Float64Array;
  /**
   * What the tests known so far come to, by their names and units as they are now.
   * @param mixed tests of which some records had another unit
   */
  match(mixed?: ReadonlySet<number>): TestMatch;
}

/** A lot's test that stands for a parameter. */
interface Source {
  readonly test: TestDefinition;
  readonly factor: number | undefined;
}

const MOST_FOUND = 3;

/**
 * A test stands for a parameter when kind, number and name are the same and, of an MPR, pin or position.
 * Where one side has no name, or no pin, the rest decides if it leaves one parameter only.
 */
export function createTestMatcher(listed: readonly TestParameter[], naming: TestNaming): TestMatcher {
  const identities = listed.map(identityOfParameter);
  const byNumber = new Map<string, number[]>();
  const byName = new Map<string, number[]>();
  identities.forEach((identity, index) => {
    add(byNumber, numberKey(identity), index);
    add(byName, identity.testName, index);
  });
  let known: TestDefinition[] = [];
  /** Tests that stand for nothing as long as nothing names them. */
  let unnamed: TestDefinition[] = [];
  let parameters = new Int32Array(64).fill(-1);
  let factors = new Float64Array(64).fill(1);

  function parameterOf(test: TestDefinition): number {
    const identity = identityOfTest(test, naming);
    const candidates = byNumber.get(numberKey(identity)) ?? [];
    const called = candidates.filter((index) => mayBeCalled(identities[index], identity, listed[index]));
    const named = called.filter((index) => identities[index]?.testName === identity.testName);
    return placed(named.length > 0 ? named : sameNames(called, identities), identity, identities);
  }

  function sourceOf(test: TestDefinition, parameter: number): Source {
    return { test, factor: unitFactor(test.display.units, listed[parameter]?.unit) };
  }

  return {
    parameters: () => parameters,
    factors: () => factors,
    update(tests) {
      if (tests.length === known.length && unnamed.length === 0) return;
      if (tests.length > parameters.length) {
        parameters = grown(parameters, new Int32Array(2 * tests.length).fill(-1));
        factors = grown(factors, new Float64Array(2 * tests.length).fill(1));
      }
      const open = [...unnamed, ...tests.slice(known.length)];
      unnamed = [];
      for (const test of open) {
        const parameter = parameterOf(test);
        // A unit that cannot be converted makes no value.
        const factor = parameter < 0 ? 1 : (sourceOf(test, parameter).factor ?? Number.NaN);
        parameters[test.index] = parameter;
        factors[test.index] = factor;
        if (parameter < 0 && test.testTxt.trim() === '') unnamed.push(test);
      }
      known = [...tests];
    },
    match(mixed = new Set()) {
      const sources = new Map<number, Source[]>();
      const strays: TestDefinition[] = [];
      for (const test of known) {
        // What a name or unit that came late makes of it has to be what its values were taken for.
        const parameter = parameterOf(test);
        const taken = parameters[test.index];
        const source = sourceOf(test, Math.max(0, parameter));
        if (parameter < 0 || (taken !== undefined && taken !== parameter)) strays.push(test);
        else if (source.factor !== undefined && source.factor !== factors[test.index]) {
          add(sources, parameter, { test, factor: undefined });
        } else add(sources, parameter, source);
      }
      return conclude(listed, identities, sources, strays, mixed, naming, byNumber, byName);
    },
  };
}

function conclude(
  listed: readonly TestParameter[],
  identities: readonly TestIdentity[],
  sources: ReadonlyMap<number, readonly Source[]>,
  strays: readonly TestDefinition[],
  mixed: ReadonlySet<number>,
  naming: TestNaming,
  byNumber: ReadonlyMap<string, readonly number[]>,
  byName: ReadonlyMap<string, readonly number[]>,
): TestMatch {
  const matched: number[] = [];
  const converted: ConvertedParameter[] = [];
  const refused: RefusedParameter[] = [];
  const near = nearby(strays, naming, byNumber, byName);
  identities.forEach((identity, index) => {
    const model = { ...identity, unit: listed[index]?.unit };
    const [source, ...others] = sources.get(index) ?? [];
    if (source === undefined) {
      const found = near.get(index) ?? [];
      const shared = (byNumber.get(numberKey(identity)) ?? []).length > 1 && identity.position === undefined;
      const reason = found[0] === undefined ? 'absent' : reasonFor(identity, found[0], shared);
      refused.push({ index, reason, model, lot: found.slice(0, MOST_FOUND) });
      return;
    }
    const all = [source, ...others];
    const lot = all.slice(0, MOST_FOUND).map(({ test }) => namedTest(test, naming));
    const reason = all.some(({ test }) => mixed.has(test.index))
      ? 'mixed_units'
      : all.some(({ factor }) => factor === undefined)
        ? 'other_unit'
        : undefined;
    if (reason !== undefined) {
      refused.push({ index, reason, model, lot });
      return;
    }
    matched.push(index);
    const other = all.find(({ factor }) => factor !== 1);
    if (other?.factor !== undefined) {
      converted.push({ index, model, lot: namedTest(other.test, naming), factor: other.factor });
    }
  });
  return { matched, converted, refused };
}

/** For parameters without a test: tests that have their number, name or place, the likeliest first. */
function nearby(
  strays: readonly TestDefinition[],
  naming: TestNaming,
  byNumber: ReadonlyMap<string, readonly number[]>,
  byName: ReadonlyMap<string, readonly number[]>,
): ReadonlyMap<number, readonly NamedTest[]> {
  const near = new Map<number, NamedTest[]>();
  for (const test of strays) {
    const named = namedTest(test, naming);
    const same = named.testName === '' ? [] : (byName.get(named.testName) ?? []);
    for (const index of new Set([...(byNumber.get(numberKey(named)) ?? []), ...same]))
      add(near, index, named);
  }
  return near;
}

function reasonFor(parameter: TestIdentity, found: NamedTest, sharedNumber: boolean): ReasonRefused {
  if (found.functional !== parameter.functional) return 'absent';
  if (found.testNumber !== parameter.testNumber) return 'other_number';
  if (found.testName === parameter.testName) return 'other_pin';
  // Under a number that several tests share, another name may be one more of them.
  return sharedNumber ? 'absent' : 'other_name';
}

/** Longest name that a manifest holds; those of before `testName` were cut there. */
const LONGEST_WRITTEN = 128;

/** Whether a test's name does not speak against a parameter of its number. */
function mayBeCalled(
  parameter: TestIdentity | undefined,
  test: TestIdentity,
  listed: TestParameter | undefined,
): boolean {
  if (parameter === undefined) return false;
  if (parameter.testName === '' || test.testName === '') return true;
  if (parameter.testName === test.testName) return true;
  const cut = listed?.testName === undefined && listed?.name.length === LONGEST_WRITTEN;
  return cut && test.testName.startsWith(parameter.testName);
}

/** Parameters that a test may be by its number alone: those of one name, or it cannot be told which. */
function sameNames(candidates: readonly number[], identities: readonly TestIdentity[]): readonly number[] {
  const names = new Set(candidates.map((index) => identities[index]?.testName));
  return names.size === 1 ? candidates : [];
}

/** Of parameters with the test's number and name the one with its pin, else the one in its place. */
function placed(
  candidates: readonly number[],
  { pin, position }: TestIdentity,
  identities: readonly TestIdentity[],
): number {
  const withPin = pin === undefined ? undefined : candidates.find((index) => identities[index]?.pin === pin);
  if (withPin !== undefined) return withPin;
  const there = candidates.find((index) => {
    const parameter = identities[index];
    const pins = parameter?.pin === undefined || pin === undefined;
    // A parameter of before positions is the first result of its record.
    return (
      pins && (parameter?.position === position || (parameter?.position === undefined && position === 1))
    );
  });
  return there ?? -1;
}

function namedTest(test: TestDefinition, naming: TestNaming): NamedTest {
  const unit = test.display.units.trim();
  return { ...identityOfTest(test, naming), unit: unit === '' ? undefined : unit };
}

function numberKey({ functional, testNumber }: TestIdentity): string {
  return `${functional ? 'F' : 'P'}${testNumber}`;
}

function add<Key, Value>(lists: Map<Key, Value[]>, key: Key, value: Value): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}

function grown<T extends Int32Array | Float64Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
