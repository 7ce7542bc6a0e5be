import { expect, test } from 'vitest';
import type { MeasurementContract, ParameterKey } from '../../src/die/die.js';
import { contractDifference, readAlike } from '../../src/models/read-alike.js';

const of = (contract: Partial<MeasurementContract>) => ({
  contract: { parameterCount: 2, acceptsMissing: false, ...contract },
});
const named = (...parameters: ParameterKey[]) => of({ parameters });

test.each([
  ['as many values', of({}), of({}), undefined],
  ['other counts', of({}), of({ parameterCount: 3 }), '2 parameters and 3 parameters'],
  ['missing ones', of({}), of({ acceptsMissing: true }), 'no missing values and missing ones'],
  [
    'kinds',
    of({}),
    of({ kinds: '[[0],[]]' }),
    'whole numbers or categories in one and other values in the other',
  ],
  ['names in one only', named({ name: 'a' }, { name: 'b' }), of({}), undefined],
  ['the same names', named({ name: 'a' }, { name: 'b' }), named({ name: 'a' }, { name: 'b' }), undefined],
  [
    'the same names in another order',
    named({ name: 'a' }, { name: 'b' }),
    named({ name: 'b' }, { name: 'a' }),
    '"a" and "b" as parameter 0',
  ],
  [
    'the same tests with names written otherwise',
    named({ name: 'vdd', testNumber: 1 }, { name: 'idd', testNumber: 2 }),
    named({ name: 'VDD', testNumber: 1 }, { name: 'IDD', testNumber: 2 }),
    undefined,
  ],
  [
    'other tests of the same names',
    named({ name: 'vdd', testNumber: 1 }, { name: 'idd', testNumber: 2 }),
    named({ name: 'vdd', testNumber: 1 }, { name: 'idd', testNumber: 3 }),
    '"idd" (test 2) and "idd" (test 3) as parameter 1',
  ],
  [
    'a number that all tests have',
    named({ name: 'vdd', testNumber: 0 }, { name: 'idd', testNumber: 0 }),
    named({ name: 'vdd', testNumber: 0 }, { name: 'iddq', testNumber: 0 }),
    '"idd" (test 0) and "iddq" (test 0) as parameter 1',
  ],
])('two versions read the same dies or not: %s', (_, a, b, difference) => {
  expect(contractDifference(a, b)).toBe(difference);
  expect(readAlike(a, b)).toBe(difference === undefined);
  expect(readAlike(b, a)).toBe(difference === undefined);
  expect(readAlike(a, a)).toBe(true);
});
