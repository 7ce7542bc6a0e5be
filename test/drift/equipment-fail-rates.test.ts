import { describe, expect, test } from 'vitest';
import { waferOf } from '../../bench/truth/wafers.js';
import { judgeFailRates, worstEquipment } from '../../src/drift/equipment-fail-rates.js';
import { createRandom } from '../../src/training/random.js';

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

describe('fail rates by wafers', () => {
  const random = createRandom('fail rates by wafers');
  /** Wafers of 100 dies of an equipment, in buckets of their own. */
  const tested = (rate: number, wafers = 12, correlation = 0.02) => {
    const counts = { waferDies: new Uint32Array(64), waferFails: new Uint32Array(64) };
    for (let wafer = 0; wafer < wafers; wafer++) {
      const fails = waferOf({ rate, correlation, dies: 100 }, random);
      counts.waferDies[wafer] = fails.length;
      counts.waferFails[wafer] = fails.filter(Boolean).length;
    }
    return counts;
  };
  const verdicts = (equipment: readonly ReturnType<typeof tested>[]) =>
    judgeFailRates(equipment, 500).map(({ verdict }) => verdict);

  test('an equipment that fails more than each of the others is named, and they are not', () => {
    expect(verdicts([tested(0.05), tested(0.3), tested(0.05), tested(0.05)])).toEqual([
      'like others',
      'fails more',
      'like others',
      'like others',
    ]);
  });

  test('one that fails fewer is named, but of two nobody knows which is right: only who fails more is', () => {
    expect(verdicts([tested(0.3), tested(0.02), tested(0.3)])[1]).toBe('fails fewer');
    expect(verdicts([tested(0.3), tested(0.02)])).toEqual(['fails more', 'like others']);
  });

  test('one bad wafer of twelve is a wafer and no equipment', () => {
    const accident = tested(0.02);
    accident.waferFails[3] = 95;
    expect(verdicts([accident, tested(0.02), tested(0.02)])).toEqual([
      'like others',
      'like others',
      'like others',
    ]);
  });

  test('one wafer, too few dies, or one equipment alone leaves it open', () => {
    const one = tested(0.9, 1);
    one.waferDies[0] = 900;
    one.waferFails[0] = 800;
    expect(verdicts([one, tested(0.02), tested(0.02)])[0]).toBe('open');
    expect(verdicts([tested(0.9, 4), tested(0.02), tested(0.02)])[0]).toBe('open');
    expect(verdicts([tested(0.9)])).toEqual(['open']);
  });

  test('equal equipment is never called different: 500 floors of four testers, alike wafers or not', () => {
    for (let floor = 0; floor < 500; floor++) {
      const correlation = [0.001, 0.02, 0.12][floor % 3];
      const rate = [0.01, 0.05, 0.2][Math.floor(floor / 3) % 3] ?? 0.05;
      const found = verdicts([12, 12, 6, 9].map((wafers) => tested(rate, wafers, correlation)));
      expect(found).toEqual(['like others', 'like others', 'like others', 'like others']);
    }
  });
});
