import { describe, expect, test } from 'vitest';
import { SplitSchema, takersOf } from '../../src/traffic/split.js';

function refusalOf(input: unknown): string[] {
  const parsed = SplitSchema.safeParse(input);
  return parsed.success
    ? []
    : parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
}

test('dies are kept together by wafer unless the split says otherwise', () => {
  expect(SplitSchema.parse({ weights: { 1: 90, 2: 10 } })).toEqual({
    by: 'wafer_id',
    weights: { 1: 90, 2: 10 },
  });
  expect(SplitSchema.parse({ by: 'equipment_id', weights: { 1: 100 } }).by).toBe('equipment_id');
});

test('thirds may miss 100 by a rounding error', () => {
  expect(refusalOf({ weights: { 1: 33.3, 2: 33.3, 3: 33.4 } })).toEqual([]);
  expect(refusalOf({ weights: { 1: 0.1, 2: 0.2, 3: 99.7 } })).toEqual([]);
});

test('a version of weight 0 is named and takes nothing', () => {
  expect(takersOf(SplitSchema.parse({ weights: { 1: 100, 2: 0 } }))).toEqual(['1']);
});

describe('refused, with the reason', () => {
  test.each([
    ['too little', { 1: 90, 2: 5 }, 'weights: expected weights that sum to 100, found a sum of 95'],
    ['too much', { 1: 90, 2: 10.5 }, 'weights: expected weights that sum to 100, found a sum of 100.5'],
    ['no version', {}, 'weights: expected weights that sum to 100, found a sum of 0'],
    [
      'nine versions',
      Object.fromEntries(Array.from({ length: 9 }, (_, i) => [i + 1, i === 0 ? 92 : 1])),
      'weights: expected at most 8 versions, found 9',
    ],
  ])('%s', (_, weights, line) => {
    expect(refusalOf({ weights })).toEqual([line]);
  });

  test('weights outside 0 to 100, each by its version', () => {
    expect(refusalOf({ weights: { 1: 101, 2: -1 } }).map((line) => line.split(':')[0])).toEqual([
      'weights.1',
      'weights.2',
    ]);
  });

  test('a weight that is not a number', () => {
    expect(refusalOf({ weights: { 1: '100' } })).toHaveLength(1);
    expect(refusalOf({ weights: { 1: Number.NaN } })).toHaveLength(1);
  });

  test('an unknown sticky key, an unknown setting', () => {
    expect(refusalOf({ by: 'x', weights: { 1: 100 } })).toHaveLength(1);
    expect(refusalOf({ by: 'lot_id', weights: { 1: 100 }, seed: 4 })).toHaveLength(1);
  });
});
