import { describe, expect, it } from 'vitest';
import { ManifestSchema } from '../../src/models/manifest/manifest.js';
import { createModelVersion } from '../../src/models/model-version.js';
import { outputProblems } from '../../src/models/output-problems.js';
import { scaledVersion, softmaxVersion, yieldVersion } from '../support/models.js';

/** A version, tried with `realistic` rows like dies and one row more. */
function problems(manifest: unknown, scores: readonly number[], realistic = 1, missing = false): string[] {
  const version = createModelVersion(ManifestSchema.parse(manifest), undefined, '');
  const rows = new Float32Array((realistic + 1) * version.contract.parameterCount).fill(missing ? NaN : 1);
  return outputProblems(version, { rows, realistic }, Float32Array.from(scores));
}

describe('the outputs of a version for measurements like those of its dies', () => {
  it.each([
    ['logits', [2.5, -1, 0.3], /^output "probabilities" is \[2.5, -1, 0.3\] .*"softmax"/],
    [
      'log-probabilities',
      [-0.51, -1.2, -2.31],
      /look like log-probabilities; write outputs.activation "softmax"/,
    ],
    ['scores of each label by itself', [0.9, 0.8, 0.1], /labels that exclude each other/],
    ['distances', [12, 4, 700], /logits, margins or distances/],
    ['no numbers', [Number.NaN, 0.5, 0.5], /expected finite numbers/],
  ])('are no probabilities where they are %s: said with the values and the cure', (_, row, expected) => {
    expect(problems(softmaxVersion().manifest, [...row, 0.2, 0.3, 0.5])).toEqual([
      expect.stringMatching(expected),
    ]);
  });

  it('may leave a sum of one by what a coarse number format rounds', () => {
    expect(problems(softmaxVersion().manifest, [0.5, 0.25, 0.24, 0.5, 0.25, 0.26])).toEqual([]);
  });

  it('must be finite for what looks like dies, whatever they are elsewhere', () => {
    const { manifest } = scaledVersion('1');
    expect(problems(manifest, [1, Number.NaN])).toEqual([]);
    expect(problems(manifest, [1, Number.POSITIVE_INFINITY, 1], 2)).toEqual([
      expect.stringMatching(
        /^output "anomaly_score" is Infinity for a measurement like those of its dies, expected finite/,
      ),
    ]);
  });

  it('need not be finite where values are missing: a graph may fill in some parameters and not others', () => {
    const { manifest } = scaledVersion('1', {
      input: { name: 'test_params', parameters: 2, missing: 'impute' },
    });
    expect(problems(manifest, [Number.NaN, 1], 1, true)).toEqual([]);
  });

  it('may be what they like where they decide nothing', () => {
    const nan = Number.NaN;
    expect(problems(yieldVersion().manifest, [85, nan, nan, nan, 85, nan, nan, nan])).toEqual([]);
  });
});
