import { expect, test } from 'vitest';
import { worstEquipment } from '../../src/drift/equipment-fail-rates.js';

const of = (fails: number, sampled: number, unscorable = 0) => ({ fails, sampled, unscorable });

test('the equipment that fails most is held against all others together', () => {
  const found = worstEquipment([of(10, 1000), of(90, 1000), of(30, 1000)], 500);
  expect(found).toEqual({ worst: 0.09, others: 0.02 });
});

test('one with too few dies is not the worst, but counts among the others; unscorable dies count for nobody', () => {
  expect(worstEquipment([of(40, 40), of(60, 1000, 400), of(10, 960)], 500)).toEqual({
    worst: 0.1,
    others: 0.05,
  });
});

test('nothing is said of one equipment alone, nor where the others have too few dies', () => {
  for (const equipment of [[], [of(50, 1000)], [of(50, 1000), of(1, 499)], [of(0, 0), of(0, 0)]]) {
    expect(worstEquipment(equipment, 500)).toBeUndefined();
  }
  expect(worstEquipment([of(0, 0), of(0, 0)], 0)).toBeUndefined();
});
