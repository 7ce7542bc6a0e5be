import type { Parameter } from '../../models/manifest/input-schema.js';
import type { TestDefinition } from '../../stdf/stdf.js';

/** What tells a test from the others of its program: TEST_NUM alone does not. */
export interface TestIdentity {
  /** Whether its values are verdicts of a functional test (FTR), 0 passed and 1 failed. */
  readonly functional: boolean;
  readonly testNumber: number;
  /** Without padding; '' where nothing names it. */
  readonly testName: string;
  /** Which result of a record of several (MPR), from 1. */
  readonly position: number | undefined;
  readonly pin: string | undefined;
}

/** What is done to the names of a lot's tests before they are compared with those of others. */
export interface TestNaming {
  /** What is taken out of names, wherever it stands: what names a site, for example. */
  readonly strip: RegExp | undefined;
  /** Tests of a lot that are called otherwise by the model, by {@link renameKey}. */
  readonly renamed: ReadonlyMap<string, Pick<TestIdentity, 'testNumber' | 'testName'>>;
}

export const AS_WRITTEN: TestNaming = { strip: undefined, renamed: new Map() };

/** Texts of a file are untrusted and padded: one line, single blanks. */
export function testNameOf(text: string): string {
  return text.replace(/[\p{Cc}\s]+/gu, ' ').trim();
}

/** What a renamed test is found by. */
export function renameKey(testNumber: number, testName: string): string {
  return `${testNumber} ${testNameOf(testName)}`;
}

/** A test of a lot, by the names that a model calls it. */
export function identityOfTest(test: TestDefinition, naming: TestNaming): TestIdentity {
  const { testNum: testNumber, position, kind } = test;
  const testName = testNameOf(test.testTxt);
  const renamed = naming.renamed.get(renameKey(testNumber, testName));
  return {
    functional: kind === 'Ftr',
    testNumber: renamed?.testNumber ?? testNumber,
    testName: renamed?.testName ?? stripped(testName, naming),
    position,
    pin: test.pin,
  };
}

function stripped(testName: string, { strip }: TestNaming): string {
  return strip === undefined ? testName : testNameOf(testName.replace(strip, ''));
}

/** A parameter with a `testNumber`, as the manifest says which test it is. */
export type TestParameter = Parameter & { readonly testNumber: number };

/**
 * The test that a parameter reads. Manifests of before `testName` have the name in `name`, after the
 * number where `train` wrote them.
 */
export function identityOfParameter(parameter: TestParameter): TestIdentity {
  const { testNumber, testName, name, position, pin, functional = false } = parameter;
  const written = testNameOf(name);
  const prefix = `${testNumber}`;
  const numbered =
    written === prefix ? '' : written.startsWith(`${prefix} `) ? written.slice(prefix.length + 1) : written;
  return { functional, testNumber, testName: testName ?? numbered, position, pin };
}

/** `200[3] leak (VDD)`: how a parameter of this test is called. */
export function testTitle({ testNumber, testName, position, pin }: Omit<TestIdentity, 'functional'>): string {
  const place = position === undefined ? '' : `[${position}]`;
  return [`${testNumber}${place}`, testName, pin === undefined ? '' : `(${pin})`]
    .filter((text) => text !== '')
    .join(' ');
}
