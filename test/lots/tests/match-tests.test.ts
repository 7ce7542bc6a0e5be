import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createTestMatcher } from '../../../src/lots/tests/match-tests.js';
import {
  AS_WRITTEN,
  renameKey,
  type TestNaming,
  type TestParameter,
} from '../../../src/lots/tests/test-identity.js';
import { NO_LIMITS } from '../../../src/stdf/limits-and-display.js';
import type { TestDefinition } from '../../../src/stdf/test-defaults.js';

const test = (
  index: number,
  testNum: number,
  testTxt: string,
  more: Partial<TestDefinition> & { units?: string } = {},
): TestDefinition => ({
  index,
  kind: 'Ptr',
  testNum,
  testTxt,
  position: undefined,
  pin: undefined,
  limits: NO_LIMITS,
  display: {
    units: more.units ?? 'V',
    resultScale: 0,
    loScale: 0,
    hiScale: 0,
    resultFormat: '',
    loFormat: '',
    hiFormat: '',
  },
  pattern: undefined,
  ...more,
});

const parameter = (
  testNumber: number,
  testName: string,
  more: Partial<TestParameter> = {},
): TestParameter => ({
  name: `${testNumber} ${testName}`,
  testNumber,
  testName,
  unit: 'V',
  ...more,
});

function match(
  parameters: readonly TestParameter[],
  tests: readonly TestDefinition[],
  naming: TestNaming = AS_WRITTEN,
) {
  const matcher = createTestMatcher(parameters, naming);
  matcher.update(tests);
  return { ...matcher.match(), read: [...matcher.parameters().subarray(0, tests.length)] };
}

const MODEL = [parameter(100, 'T0'), parameter(101, 'T1')];
const sides = ({ model, lot, reason }: ReturnType<typeof match>['refused'][number]) => [
  reason,
  `${model.testNumber} ${model.testName}`,
  ...lot.map((each) => `${each.testNumber} ${each.testName} ${each.unit}`),
];

describe('a test of the lot stands for a parameter', () => {
  it('when number and name are the same, padded or not', () => {
    expect(match(MODEL, [test(0, 101, 'T1  '), test(1, 100, 'T0'), test(2, 7, 'more')])).toEqual({
      matched: [0, 1],
      converted: [],
      refused: [],
      read: [1, 0, -1],
    });
  });

  it('though all have one number: the names tell them apart', () => {
    const model = ['A', 'B', 'C'].map((name) => parameter(0, name));
    expect(match(model, [test(0, 0, 'C'), test(1, 0, 'A'), test(2, 0, 'B')]).read).toEqual([2, 0, 1]);
  });

  it('of an MPR by its pin, else by its position', () => {
    const model = [
      parameter(200, 'leak', { position: 1, pin: 'A' }),
      parameter(200, 'leak', { position: 2, pin: 'B' }),
    ];
    const position = (index: number, at: number, pin?: string) =>
      test(index, 200, 'leak', { kind: 'Mpr', position: at, pin });
    expect(match(model, [position(0, 1, 'B'), position(1, 2, 'A')]).read).toEqual([1, 0]);
    expect(match(model, [position(0, 1), position(1, 2)]).read).toEqual([0, 1]);
    expect(match(model, [position(0, 1, 'A'), position(1, 2, 'C')]).refused.map(sides)).toEqual([
      ['other_pin', '200 leak', '200 leak V'],
    ]);
  });

  it('by its number alone where nothing names it, if that leaves one; a name that comes later is held against it', () => {
    const matcher = createTestMatcher(MODEL, AS_WRITTEN);
    const unnamed = { ...test(0, 100, '') };
    matcher.update([unnamed, test(1, 101, 'T1')]);
    expect(matcher.match().refused).toEqual([]);
    unnamed.testTxt = 'IDD';
    expect(matcher.match().refused.map(sides)).toEqual([['other_name', '100 T0', '100 IDD V']]);
  });

  it('with its unit converted where only the prefix is another', () => {
    const { converted, refused } = match(MODEL, [test(0, 100, 'T0', { units: 'mV' }), test(1, 101, 'T1')]);
    expect(converted).toMatchObject([{ index: 0, factor: 0.001, lot: { unit: 'mV' }, model: { unit: 'V' } }]);
    expect(refused).toEqual([]);
  });

  it('as a manifest of before test names has it: in the name, after the number', () => {
    const old = [
      { name: '100 T0', testNumber: 100 },
      { name: 'T1', testNumber: 101 },
      { name: '200 leak', testNumber: 200 },
    ];
    const lot = [test(0, 100, 'T0'), test(1, 101, 'T1'), test(2, 200, 'leak', { kind: 'Mpr', position: 1 })];
    expect(match(old, lot).matched).toEqual([0, 1, 2]);
  });

  it('of a functional test only where the parameter is one', () => {
    const functional = parameter(300, 'scan', { functional: true, unit: undefined });
    const lot = [test(0, 300, 'scan', { units: '' }), test(1, 300, 'scan', { kind: 'Ftr', units: '' })];
    expect(match([functional], lot).read).toEqual([-1, 0]);
  });
});

describe('a parameter is refused, with both sides named', () => {
  it('where the lot has another test under its number', () => {
    const { refused } = match(MODEL, [
      test(0, 100, 'IDD', { units: 'mA' }),
      test(1, 101, 'IIH', { units: 'mA' }),
    ]);
    expect(refused.map(sides)).toEqual([
      ['other_name', '100 T0', '100 IDD mA'],
      ['other_name', '101 T1', '101 IIH mA'],
    ]);
  });

  it('where the names are permuted', () => {
    const { refused } = match(MODEL, [test(0, 100, 'T1'), test(1, 101, 'T0')]);
    expect(refused.map(sides)).toEqual([
      ['other_name', '100 T0', '100 T1 V', '101 T0 V'],
      ['other_number', '101 T1', '100 T1 V', '101 T0 V'],
    ]);
  });

  it('where the unit is of another dimension, came late with another prefix, or differs between records', () => {
    expect(match(MODEL, [test(0, 100, 'T0', { units: 'A' }), test(1, 101, 'T1')]).refused.map(sides)).toEqual(
      [['other_unit', '100 T0', '100 T0 A']],
    );
    const matcher = createTestMatcher(MODEL, AS_WRITTEN);
    const late = test(0, 100, 'T0', { units: '' });
    matcher.update([late, test(1, 101, 'T1')]);
    Object.assign(late, { display: { ...late.display, units: 'mV' } });
    expect(matcher.match().refused.map(sides)).toEqual([['other_unit', '100 T0', '100 T0 mV']]);
    expect(matcher.match(new Set([1])).refused.map(({ reason }) => reason)).toContain('mixed_units');
  });

  it('where it is not there at all', () => {
    expect(match(MODEL, [test(0, 101, 'T1')]).refused.map(sides)).toEqual([['absent', '100 T0']]);
  });
});

describe('names are compared', () => {
  it('without what a pattern takes out of them: several tests may then stand for one parameter', () => {
    const lot = [1, 2].map((site) => test(site - 1, 100, `T0_site${site}`));
    const strip = { ...AS_WRITTEN, strip: /_site\d+$/u };
    expect(match([parameter(100, 'T0')], lot, strip)).toMatchObject({ read: [0, 0], refused: [] });
  });

  it('as a table of new names has them', () => {
    const renamed = new Map([[renameKey(7, 'OLD'), { testNumber: 100, testName: 'T0' }]]);
    expect(match([parameter(100, 'T0')], [test(0, 7, 'OLD')], { ...AS_WRITTEN, renamed }).read).toEqual([0]);
  });
});

it('law: whatever the lot, each parameter is matched or refused, once', () => {
  const named = fc.record({
    number: fc.integer({ min: 0, max: 2 }),
    name: fc.constantFrom('', 'A', 'B'),
    unit: fc.constantFrom('V', 'mV', 'A', ''),
  });
  fc.assert(
    fc.property(
      fc.uniqueArray(named, { selector: ({ number, name }) => `${number} ${name}` }),
      fc.uniqueArray(named, { selector: ({ number, name }) => `${number} ${name}` }),
      (model, lot) => {
        const parameters = model.map(({ number, name, unit }) => parameter(number, name, { unit }));
        const { matched, refused } = match(
          parameters,
          lot.map(({ number, name, unit }, i) => test(i, number, name, { units: unit })),
        );
        const all = [...matched, ...refused.map(({ index }) => index)].sort((a, b) => a - b);
        expect(all).toEqual(parameters.map((_, i) => i));
      },
    ),
  );
});
