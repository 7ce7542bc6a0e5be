import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { DieLabel } from '../../src/die/die.js';
import { createAssign } from '../../src/traffic/assignment.js';
import type { Split } from '../../src/traffic/split.js';

const IDS = 100_000;

/** Wafers numbered as a fab numbers them: the hash must mix ids that differ in one digit. */
const wafers: readonly DieLabel[] = Array.from({ length: IDS }, (_, i) => ({
  die_id: `LOT7_${i}`,
  wafer_id: `W${String(i).padStart(6, '0')}`,
}));

function assigned(weights: Split['weights'], model = 'die-defect', labels = wafers): string[] {
  return labels.map(createAssign(model, { by: 'wafer_id', weights }));
}

function sharesOf(versions: readonly string[]): Record<string, number> {
  const shares: Record<string, number> = {};
  for (const version of versions) shares[version] = (shares[version] ?? 0) + 100 / versions.length;
  return shares;
}

/** Percent of the keys that changed from one version to another, by "from>to". */
function moves(before: readonly string[], after: readonly string[]): Record<string, number> {
  const changed = before.flatMap((version, i) => (version === after[i] ? [] : [`${version}>${after[i]}`]));
  const counts: Record<string, number> = {};
  for (const move of changed) counts[move] = (counts[move] ?? 0) + 100 / before.length;
  return counts;
}

describe('weights are honoured within 1% over 100,000 wafers', () => {
  test.each([
    { 1: 90, 2: 10 },
    { 1: 99, 2: 1 },
    { 1: 50, 2: 50 },
    { 1: 80, 2: 10, 3: 10 },
    { 7: 33.3, 8: 33.3, 9: 33.4 },
    { 1: 50, 2: 20, 3: 10, 4: 5, 5: 5, 6: 5, 7: 3, 8: 2 },
  ])('%j', (weights) => {
    const shares = sharesOf(assigned(weights));
    for (const [version, weight] of Object.entries(weights)) {
      expect(Math.abs((shares[version] ?? 0) - weight)).toBeLessThan(1);
    }
  });

  test('also for long ids, numbers alone and other scripts', () => {
    for (const id of [
      (i: number) => `${i}`,
      (i: number) => `${'x'.repeat(119)}${i}`,
      (i: number) => `晶圆${i}`,
    ]) {
      const labels = Array.from({ length: IDS }, (_, i) => ({ die_id: 'd', wafer_id: id(i) }));
      expect(Math.abs((sharesOf(assigned({ 1: 90, 2: 10 }, 'm', labels))[2] ?? 0) - 10)).toBeLessThan(1);
    }
  });
});

test('growing a canary from 10 to 25% moves 15% of the wafers to it and no other', () => {
  const moved = moves(assigned({ 1: 90, 2: 10 }), assigned({ 1: 75, 2: 25 }));
  expect(Object.keys(moved)).toEqual(['1>2']);
  expect(Math.abs((moved['1>2'] ?? 0) - 15)).toBeLessThan(1);
});

test('a version that grows while the others keep their proportion only gains wafers', () => {
  const moved = moves(assigned({ 1: 60, 2: 30, 3: 10 }), assigned({ 1: 40, 2: 20, 3: 40 }));
  expect(Object.keys(moved).sort()).toEqual(['1>3', '2>3']);
});

test('of three versions, one that grows at the cost of one other disturbs the third by little over 1%', () => {
  const moved = moves(assigned({ 1: 80, 2: 10, 3: 10 }), assigned({ 1: 65, 2: 25, 3: 10 }));
  expect(Object.keys(moved).sort()).toEqual(['1>2', '1>3', '3>2']);
  expect((moved['1>2'] ?? 0) + (moved['3>2'] ?? 0)).toBeCloseTo(14.8, 0);
  expect(moved['1>3']).toBeLessThan(1.5);
});

test('a version that comes or goes at weight 0 moves nobody', () => {
  expect(assigned({ 1: 90, 2: 10, 3: 0 })).toEqual(assigned({ 1: 90, 2: 10 }));
});

test('the order in which the versions are written is of no matter', () => {
  const split = (weights: Split['weights']) =>
    wafers.slice(0, 1000).map(createAssign('m', { by: 'wafer_id', weights }));
  expect(split({ b: 30, a: 70 })).toEqual(split({ a: 70, b: 30 }));
});

test('canaries of two models meet on one wafer as seldom as chance has it', () => {
  const [a, b] = [assigned({ 1: 90, 2: 10 }, 'leakage'), assigned({ 1: 90, 2: 10 }, 'speed')];
  const both = a.filter((version, i) => version === '2' && b[i] === '2').length / IDS;
  expect(Math.abs(both - 0.01)).toBeLessThan(0.003);
});

const id = fc.string({ minLength: 1, maxLength: 30, unit: 'binary' });

describe('sticky', () => {
  test.each(['wafer_id', 'lot_id', 'equipment_id', 'die_id'] as const)('dies with the same %s', (by) => {
    const split: Split = { by, weights: { 1: 40, 2: 30, 3: 30 } };
    fc.assert(
      fc.property(id, id, id, (key, die, other) => {
        const [first, again] = [createAssign('m', split), createAssign('m', split)];
        const label = { die_id: die, wafer_id: die, lot_id: die, equipment_id: die, [by]: key };
        const neighbour = { die_id: other, wafer_id: other, lot_id: other, equipment_id: other, [by]: key };
        expect(again(neighbour)).toBe(first(label));
      }),
    );
  });

  test('a die without the label goes by its die_id, null or left out', () => {
    fc.assert(
      fc.property(id, (die) => {
        const assign = (by: Split['by']) => createAssign('m', { by, weights: { 1: 50, 2: 50 } });
        const expected = assign('die_id')({ die_id: die });
        expect(assign('wafer_id')({ die_id: die })).toBe(expected);
        expect(assign('lot_id')({ die_id: die, lot_id: null })).toBe(expected);
      }),
    );
  });

  test('an assignment is for ever: these must not change with a release', () => {
    const assign = createAssign('die-defect', { by: 'wafer_id', weights: { 1: 50, 2: 30, 3: 20 } });
    const found = Array.from({ length: 12 }, (_, i) => assign({ die_id: 'd', wafer_id: `wafer${i}` })).join(
      '',
    );
    expect(found).toMatchInlineSnapshot(`"113313112132"`);
  });
});

test('a single taker gets every die', () => {
  const assign = createAssign('m', { by: 'wafer_id', weights: { 1: 0, 4: 100 } });
  fc.assert(fc.property(id, (die) => assign({ die_id: die }) === '4'));
});
