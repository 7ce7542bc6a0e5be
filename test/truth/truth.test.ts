import { describe, expect, test } from 'vitest';
import { confidenceOf } from '../../bench/truth/confidence.js';
import { gateOften } from '../../bench/truth/gate.js';
import { coverageOfShares } from '../../bench/truth/versions.js';

describe('the gate, on dies whose truth is known (the whole table: npm run truth -- gate)', () => {
  const wafers = { correlation: 0.02, diesAWafer: 200 };

  test('misses an equal candidate in at most one run of fifty, where the estimate alone misses it in every fifth', () => {
    const few = gateOften({ lost: 0.03, won: 0.03, ...wafers }, 5, 150, 'test');
    expect(few.missedByEstimate).toBeGreaterThan(0.15);
    expect(few.missed).toBeLessThanOrEqual(0.02);
    expect(few.covered).toBeGreaterThanOrEqual(0.93);
  });

  test('lets a candidate that is two points worse hold in at most one run of fifty, and misses it with enough dies', () => {
    const few = gateOften({ lost: 0.03, won: 0.01, ...wafers }, 5, 150, 'test');
    expect(few.holds).toBeLessThanOrEqual(0.02);
    const many = gateOften({ lost: 0.03, won: 0.01, ...wafers, correlation: 0 }, 50, 60, 'test');
    expect(many.missed).toBeGreaterThanOrEqual(0.95);
  });
});

describe('confidence, where defects are a tenth as frequent as in training (npm run truth -- confidence)', () => {
  const ofFails = (inForce: number) =>
    confidenceOf({ trainedAt: 0.1, true: 0.01, inForce }, 150_000, [0.8, 0.95], 'test');

  test('is far too high at the rate of the training, and right at the rate of the floor', () => {
    const trained = ofFails(0.1);
    expect(trained.right).toBeLessThan(trained.stated - 0.25);
    const set = ofFails(0.01);
    expect(Math.abs(set.right - set.stated)).toBeLessThan(0.1);
  });
});

test('a share of one in a hundred on five wafers is covered, where hardly a wafer shows it (npm run truth -- traffic)', () => {
  for (const correlation of [0.02, 0.05]) {
    const found = coverageOfShares({ rate: 0.01, correlation, dies: 400 }, 5, 150, `test ${correlation}`);
    expect(found.disagreement).toBeGreaterThanOrEqual(0.93);
    expect(found.errors).toBeGreaterThanOrEqual(0.93);
  }
});
