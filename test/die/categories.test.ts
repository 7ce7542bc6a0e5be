import { describe, expect, test } from 'vitest';
import { assertWithinBounds } from '../../src/die/bounds.js';
import { fillCategories } from '../../src/die/categories.js';
import type { DieLabel } from '../../src/die/die.js';
import { Refusal } from '../../src/errors.js';
import { contractOf } from '../../src/models/manifest/contract.js';
import { ManifestSchema } from '../../src/models/manifest/manifest.js';
import { decodeDie } from '../../src/rows/decode/json.js';
import { createPlainRows } from '../../src/rows/decode/row-allocator.js';
import { sumVersion } from '../support/models.js';

const input = {
  name: 'row',
  tensors: [{ name: 'vdd' }, { name: 'tester', type: 'string' }, { name: 'product', type: 'int64' }],
  parameters: [
    { name: 'vdd' },
    { name: 'tester', categories: ['T1', 'T2'], label: 'equipment_id' },
    { name: 'product', categories: ['A', 'B', 'other'], unknown: 'other' },
  ],
};
const contract = contractOf(
  ManifestSchema.parse({ ...sumVersion(3).manifest, outputs: { score: 's' }, input }),
);

const pathOf = (_: number, index: number) => `test_params.${index}`;

/** The row of a die as it is sent. */
function rowOf(test_params: unknown[], label: Partial<DieLabel> = {}): number[] {
  const body = Buffer.from(JSON.stringify({ die_id: 'd', ...label, test_params }));
  const measurements = decodeDie(body, contract, createPlainRows(3));
  fillCategories(measurements, contract, pathOf);
  return [...measurements.params];
}

describe('a category', () => {
  test('is sent as its text, as its position or, where a label says it, as null', () => {
    expect(rowOf([1.5, 'T2', 'B'])).toEqual([1.5, 1, 1]);
    expect(rowOf([1.5, 1, 0])).toEqual([1.5, 1, 0]);
    expect(rowOf([1.5, null, 'A'], { equipment_id: 'T2' })).toEqual([1.5, 1, 0]);
  });

  test('that nobody knows is the one for the unknown, where there is one', () => {
    expect(rowOf([1.5, 'T1', 'Z'])).toEqual([1.5, 0, 2]);
  });

  test.each([
    [['T9', 'A'], {}, /tester: expected one of T1, T2, found the string "T9"/],
    [
      [null, 'A'],
      { equipment_id: 'T9' },
      /tester: expected one of T1, T2, found equipment_id the string "T9"/,
    ],
    [[null, 'A'], {}, /tester: expected one of T1, T2, found null, and no equipment_id/],
    [[2, 'A'], {}, /tester: expected one of T1, T2, found position 2/],
    [[0.5, 'A'], {}, /found position 0.5/],
  ])('else %j is refused, and those that there are are named', (values, label, message) => {
    expect(() => rowOf([1.5, ...values], label)).toThrow(message);
    expect(() => rowOf([1.5, ...values], label)).toThrow(Refusal);
  });

  test('a number is no text, and is not taken from any label', () => {
    expect(() => rowOf(['1.5', 'T1', 'A'])).toThrow(
      /test_params\[0\]: expected a number, found the string "1.5"/,
    );
    expect(() => rowOf([null, 'T1', 'A'])).toThrow(/test_params.0: expected a number, found null/);
  });
});

describe('an input of whole numbers', () => {
  const whole = contractOf(
    ManifestSchema.parse({ ...sumVersion(2).manifest, input: { name: 'x', type: 'int64', parameters: 2 } }),
  );
  const check = (...values: number[]) =>
    assertWithinBounds(
      { labels: [{ die_id: 'd' }], params: Float32Array.from(values) },
      whole.bounds ?? [],
      pathOf,
    );

  test('takes them as far as float32 can bring them exactly', () => {
    expect(() => check(-16_777_215, 16_777_215)).not.toThrow();
    // 16,777,217 arrives as 16,777,216: nobody can tell any more.
    expect(() => check(0, 16_777_217)).toThrow(
      'parameter 1: expected a whole number from -16777215 to 16777215, found 16777220',
    );
  });

  test('refuses a fraction', () => {
    expect(() => check(0.5, 0)).toThrow('parameter 0: expected a whole number');
  });
});
