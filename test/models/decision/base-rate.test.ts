import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { priorShift, shiftedProbability } from '../../../src/models/decision/base-rate.js';
import { createDecide } from '../../../src/models/decision/decide.js';
import { ManifestSchema } from '../../../src/models/manifest/manifest.js';
import { atBaseRate, createModelVersion } from '../../../src/models/model-version.js';
import { sumVersion } from '../../support/models.js';

const screen = (changes: object = {}) =>
  ManifestSchema.parse({
    ...sumVersion(2).manifest,
    threshold: 1,
    baseRate: 0.1,
    calibration: { method: 'logistic-log-score', slope: 8, intercept: -1, basis: 'labelled' },
    ...changes,
  });

describe('a shift from one base rate to another', () => {
  it('is one constant in the log-odds: a tenth of the rate makes odds of 9 to 1 about even', () => {
    const shift = priorShift({ trainedAt: 0.1, inForce: 0.01 });
    expect(shift).toBeCloseTo(Math.log(0.01 / 0.99) - Math.log(0.1 / 0.9), 12);
    // By Bayes: 0.93 at 10% is a likelihood ratio of 119.6, which at 1% is 0.547.
    expect(shiftedProbability(0.93, shift)).toBeCloseTo(0.547, 3);
    expect(priorShift({ trainedAt: undefined, inForce: undefined })).toBe(0);
    expect([shiftedProbability(0, shift), shiftedProbability(1, shift)]).toEqual([0, 1]);
  });

  it('and back gives what was, and never changes which of two dies is likelier to fail', () => {
    const share = fc.double({ min: 0.001, max: 0.999, noNaN: true });
    fc.assert(
      fc.property(share, share, share, share, (p, q, from, to) => {
        const shift = priorShift({ trainedAt: from, inForce: to });
        expect(shiftedProbability(shiftedProbability(p, shift), -shift)).toBeCloseTo(p, 9);
        if (p < q) expect(shiftedProbability(p, shift)).toBeLessThanOrEqual(shiftedProbability(q, shift));
      }),
    );
  });
});

describe('a version at the base rate of its floor', () => {
  const version = createModelVersion(screen(), undefined, '/none');
  const rare = atBaseRate(version, 0.001);
  const row = (score: number) => Float32Array.of(score);

  it('has other confidences, and the same decisions and anomaly scores', () => {
    for (const score of [0.2, 0.9, 1.1, 1.5, 4]) {
      const [before, after] = [version.decide(row(score), 0), rare.decide(row(score), 0)];
      expect(after?.prediction).toBe(before?.prediction);
      expect(after?.anomalyScore).toBe(before?.anomalyScore);
      const failing = (decided: typeof before) =>
        decided?.prediction === 'fail' ? decided.confidence : 1 - (decided?.confidence ?? Number.NaN);
      const shift = priorShift(rare.baseRate);
      expect(failing(after)).toBeCloseTo(shiftedProbability(failing(before), shift), 12);
      expect(failing(after)).toBeLessThan(failing(before));
    }
    // It fails by its threshold, which is set by false alarms: more likely good than not, and still an outlier.
    const close = rare.decide(row(1.2), 0);
    expect(close?.prediction).toBe('fail');
    expect(close?.confidence).toBeLessThan(0.5);
  });

  it('is the version itself where nothing changes, or nobody says what it was made for', () => {
    expect(atBaseRate(version, undefined)).toBe(version);
    expect(atBaseRate(version, 0.1)).toBe(version);
    expect(atBaseRate(rare, undefined).baseRate).toEqual({ trainedAt: 0.1, inForce: 0.1 });
    const unknown = createModelVersion(screen({ baseRate: undefined }), undefined, '/none');
    expect(atBaseRate(unknown, 0.001)).toBe(unknown);
    expect(unknown.baseRate).toEqual({ trainedAt: undefined, inForce: undefined });
  });

  it('of a classification goes by its probability of failing, which stays the anomaly score', () => {
    const { name, version: number, input, sha256, lineage } = sumVersion(2).manifest;
    const manifest = ManifestSchema.parse({
      name,
      version: number,
      input,
      sha256,
      lineage,
      task: 'classification',
      outputs: { probabilities: 'p' },
      labels: ['good', 'bad'],
      passLabels: ['good'],
      threshold: 0.5,
      baseRate: 0.5,
    });
    const shift = priorShift({ trainedAt: 0.5, inForce: 0.1 });
    const decided = createDecide(manifest, shift)(Float32Array.of(0.25, 0.75), 0);
    // Odds of 3 to 1, times 1 to 9.
    expect(decided).toMatchObject({ prediction: 'fail', anomalyScore: 0.75 });
    expect(decided?.confidence).toBeCloseTo(0.25, 6);
    expect(createDecide(manifest, shift)(Float32Array.of(Number.NaN, 0), 0)).toBeUndefined();
  });
});
