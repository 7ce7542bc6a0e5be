import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { studentUpperQuantile, studentUpperTail } from '../../src/statistics/student.js';

describe('upper tail, as scipy 1.16 gives it (stats.t.sf)', () => {
  test.each([
    [0, 4, 0.5],
    [0.5, 1, 0.35241638234956674],
    [2, 2, 0.09175170953613698],
    [31.6, 2, 0.0004999701268399735],
    [1.5, 5, 0.09695184012123664],
    [3.4, 63, 0.0005869881275628696],
    [2, 126, 0.023825305213520057],
  ])('P(T > %f), %i degrees of freedom', (t, freedom, expected) => {
    expect(Math.abs(studentUpperTail(t, freedom) / expected - 1)).toBeLessThan(1e-9);
  });
});

describe('quantiles, as scipy 1.16 gives them (stats.t.isf)', () => {
  test.each([
    [0.025, 1, 12.706204736174705],
    [0.025, 2, 4.302652729749464],
    [0.0005, 2, 31.59905457644362],
    [0.025, 5, 2.5705818356363155],
    [0.05, 7, 1.8945786050900066],
    [0.025, 30, 2.042272456301238],
    [0.0005, 63, 3.451768944960998],
    [0.025, 126, 1.9789706019906288],
  ])('tail %f, %i degrees of freedom', (tail, freedom, expected) => {
    expect(Math.abs(studentUpperQuantile(tail, freedom) / expected - 1)).toBeLessThan(1e-9);
  });
});

test('the quantile undoes the tail, for any number of degrees of freedom', () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0.01, max: 20, noNaN: true }),
      fc.integer({ min: 1, max: 130 }),
      (t, freedom) => {
        const tail = studentUpperTail(t, freedom);
        fc.pre(tail > 1e-6);
        expect(studentUpperQuantile(tail, freedom) / t).toBeCloseTo(1, 6);
      },
    ),
  );
});
