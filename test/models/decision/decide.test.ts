import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { screenRule } from '../../../src/models/decision/decide.js';
import type { Calibration } from '../../../src/models/manifest/outputs-schema.js';

const NOMINAL: Calibration = { method: 'logistic-log-score', slope: 4, intercept: 0, basis: 'nominal' };
const by = (manifest: Omit<Parameters<typeof screenRule>[0], 'outputs'>) => {
  const rule = screenRule({ ...manifest, outputs: { score: 'score', direction: 'high' } });
  return (score: number) => rule(Float32Array.of(score), 0);
};
const decide = by({ threshold: 1, calibration: NOMINAL });

const finite = fc.double({ min: -1e6, max: 1e6, noNaN: true });
const version = fc.record({
  threshold: fc.double({ min: 0, max: 100, noNaN: true }),
  calibration: fc.record({
    method: fc.constant('logistic-log-score' as const),
    slope: fc.double({ min: 1e-3, max: 1e3, noNaN: true }),
    intercept: fc.double({ min: -100, max: 100, noNaN: true }),
    basis: fc.constant('labelled' as const),
  }),
});

describe('the decision about a die', () => {
  it('a die fails above the threshold, and passes at it and below', () => {
    expect(decide(Math.fround(1.0000001))?.prediction).toBe('fail');
    expect([1, 0.5, 0, -0, -3].map((score) => decide(score)?.prediction)).toEqual(Array(5).fill('pass'));
  });

  it('its confidence is the calibrated probability that it is right: 0.5 at the threshold of a nominal calibration', () => {
    expect(decide(1)?.confidence).toBe(0.5);
    expect(decide(2)?.confidence).toBeCloseTo(16 / 17, 12);
    expect(decide(0.5)?.confidence).toBeCloseTo(16 / 17, 12);
    expect(decide(0)?.confidence).toBe(1);
  });

  it('a score that is not a finite number decides nothing', () => {
    for (const score of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])
      expect(decide(score)).toBeUndefined();
  });

  it('confidence lies between 0 and 1, whatever the score and the calibration', () => {
    fc.assert(
      fc.property(version, finite, (manifest, score) => {
        const confidence = by(manifest)(score)?.confidence ?? Number.NaN;
        expect(confidence).toBeGreaterThanOrEqual(0);
        expect(confidence).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('the higher the score, the surer a fail and the less sure a pass', () => {
    fc.assert(
      fc.property(version, finite, finite, (manifest, a, b) => {
        const [low, high] = [by(manifest)(Math.min(a, b)), by(manifest)(Math.max(a, b))];
        fc.pre(low?.prediction === high?.prediction && low !== undefined && high !== undefined);
        const rise = (high?.confidence ?? 0) - (low?.confidence ?? 0);
        if (low?.prediction === 'fail') expect(rise).toBeGreaterThanOrEqual(0);
        else expect(rise).toBeLessThanOrEqual(0);
      }),
    );
  });
});
