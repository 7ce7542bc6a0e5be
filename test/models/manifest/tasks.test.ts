import { describe, expect, test } from 'vitest';
import { createDecide, type Decided } from '../../../src/models/decision/decide.js';
import { fetchedOutputs } from '../../../src/models/manifest/fetched-outputs.js';
import { ManifestSchema } from '../../../src/models/manifest/manifest.js';
import { schemaProblems } from '../../../src/schema-faults.js';

const REST = {
  name: 'm',
  version: '1',
  input: { name: 'x', parameters: 4 },
  sha256: '0'.repeat(64),
  lineage: { data: 'made for a test', rows: 0, codeVersion: '0', created: '2026-01-01T00:00:00Z' },
};
const SCREEN = {
  ...REST,
  task: 'anomaly-screen',
  outputs: { score: 's' },
  threshold: 0,
  calibration: { method: 'logistic-score', slope: 2, intercept: 0, basis: 'nominal' },
};
const CLASSES = {
  ...REST,
  task: 'classification',
  outputs: { probabilities: 'p' },
  labels: ['good', 'bad', 'ugly'],
  passLabels: ['good'],
};
const TWO = { ...CLASSES, labels: ['good', 'bad'] };
const REGRESSION = { ...REST, task: 'regression', outputs: { value: 'y' } };

const read = (manifest: unknown) => ManifestSchema.parse(manifest);
const decide = (manifest: unknown, ...row: number[]): Decided | undefined =>
  createDecide(read(manifest))(Float32Array.from(row), 0);
const problems = (content: unknown): string[] => {
  const parsed = ManifestSchema.safeParse(content);
  return parsed.success ? [] : schemaProblems(content, parsed.error.issues);
};

describe('a detector whose scores are low for outliers', () => {
  const low = { ...SCREEN, outputs: { score: 'scores', direction: 'low' } };

  test('is the right way round: the anomaly score is the negative of its score', () => {
    expect(decide(low, -0.5)).toMatchObject({ prediction: 'fail', anomalyScore: 0.5 });
    expect(decide(low, 0.5)).toMatchObject({ prediction: 'pass', anomalyScore: -0.5 });
    expect(decide(low, 0)).toMatchObject({ prediction: 'pass', anomalyScore: 0, confidence: 0.5 });
  });

  test('has a confidence on both sides of a threshold of 0', () => {
    expect(decide(low, -1)?.confidence).toBeCloseTo(1 / (1 + Math.exp(-2)));
    expect(decide(low, 1)?.confidence).toBeCloseTo(1 / (1 + Math.exp(-2)));
  });

  test('may have a negative threshold, which needs a calibration without a logarithm', () => {
    expect(decide({ ...low, threshold: -0.25 }, 0.2)?.prediction).toBe('fail');
    const logarithm = { ...SCREEN.calibration, method: 'logistic-log-score' };
    expect(problems({ ...low, threshold: -0.25, calibration: logarithm })).toEqual([
      'calibration.method: a threshold below 0 (-0.25) has no logarithm: expected "logistic-score"',
    ]);
  });
});

describe('a screen by what is no score', () => {
  test('judges clusters by the nearest centre', () => {
    const clusters = { ...SCREEN, threshold: 2, outputs: { distances: { name: 'scores', size: 3 } } };
    expect(decide(clusters, 5, 1.5, 9)).toMatchObject({ prediction: 'pass', anomalyScore: 1.5 });
    expect(decide(clusters, 5, 2.5, 9)).toMatchObject({ prediction: 'fail', anomalyScore: 2.5 });
    expect(decide(clusters, 5, Number.NaN, 9)).toBeUndefined();
  });

  test('judges an autoencoder by its error, each parameter in units of its spread', () => {
    const parameters = [{ name: 'a', robustSigma: 0.5 }, { name: 'b' }];
    const manifest = read({
      ...SCREEN,
      input: { name: 'x', parameters },
      outputs: { reconstruction: 'output' },
    });
    expect(fetchedOutputs(manifest)).toEqual([
      { name: 'output', size: 1, reconstructs: Float32Array.of(2, 1) },
    ]);
  });

  test('names exactly one output that decides', () => {
    expect(problems({ ...SCREEN, outputs: { score: 's', reconstruction: 'r' } })).toEqual([
      'outputs: expected one of score, reconstruction, distances, found score and reconstruction',
    ]);
  });
});

describe('a classification', () => {
  test('of one probability has that for the label it names, and the rest for the other', () => {
    const one = { ...TWO, outputs: { probability: { name: 'p', label: 'bad' } } };
    expect(decide(one, 0.75)).toMatchObject({
      prediction: 'fail',
      confidence: 0.75,
      details: { label: 'bad', probabilities: { good: 0.25, bad: 0.75 } },
    });
    const other = { ...TWO, outputs: { probability: { name: 'p', label: 'good' } } };
    expect(decide(other, 0.75)).toMatchObject({ prediction: 'pass', confidence: 0.75 });
    expect(decide(one, 1.5), 'a logit is no probability').toBeUndefined();
  });

  test('of logits has their softmax, however large they are', () => {
    const logits = { ...CLASSES, outputs: { probabilities: 'l', activation: 'softmax' } };
    const sum = Math.exp(1) + Math.exp(2) + Math.exp(3);
    expect(decide(logits, 1, 2, 3)?.details?.probabilities?.ugly).toBeCloseTo(Math.exp(3) / sum);
    expect(decide(logits, 1000, 0, 0)).toMatchObject({ prediction: 'pass', confidence: 1 });
    expect(decide(logits, Number.NaN, 0, 0)).toBeUndefined();
    expect(decide(logits, Number.POSITIVE_INFINITY, 0, 0)).toBeUndefined();
  });

  test('of one logit has its sigmoid, of several their sigmoids brought to a sum of 1', () => {
    const one = { ...TWO, outputs: { probability: { name: 'l', label: 'bad' }, activation: 'sigmoid' } };
    expect(decide(one, 0)).toMatchObject({ prediction: 'pass', confidence: 0.5 });
    const several = { ...TWO, outputs: { probabilities: 'l', activation: 'sigmoid' } };
    expect(decide(several, 0, 0)?.details?.probabilities).toEqual({ good: 0.5, bad: 0.5 });
  });

  test('of nothing but a label is as sure as it was right on held-out dies', () => {
    const label = { ...TWO, outputs: { label: { name: 'label', values: [1, -1], accuracy: 0.9 } } };
    expect(decide(label, 1)).toEqual({
      prediction: 'fail',
      confidence: 0.9,
      anomalyScore: 0.9,
      details: { label: 'bad' },
    });
    expect(decide(label, 0)).toMatchObject({ prediction: 'pass', confidence: 0.9 });
    expect(decide(label, Number.NaN), 'a label that is none of them').toBeUndefined();
  });

  test.each([
    [{ probability: { name: 'p', label: 'bad' } }, 'outputs.probability: expected two labels, found 3'],
    [{}, 'outputs: expected one of probabilities, probability, label, found none'],
    [
      { label: { name: 'l', values: [0, 1], accuracy: 0.9 } },
      'outputs.label.values: expected one for each of the 3 labels, found 2',
    ],
  ])('is refused where its outputs %j do not fit its labels', (outputs, line) => {
    expect(problems({ ...CLASSES, outputs })).toEqual([line]);
  });
});

describe('a regression of several targets', () => {
  const targets = [
    { name: 'yield', lowLimit: 80, standardError: 2 },
    { name: 'leakage', highLimit: 1, standardError: 0.1 },
    { name: 'speed', standardError: 1 },
  ];

  test('fails a die of which any target probably violates a limit', () => {
    const manifest = { ...REGRESSION, targets };
    expect(decide(manifest, 90, 0.5, 7)).toMatchObject({
      prediction: 'pass',
      details: { values: { yield: 90, leakage: 0.5, speed: 7 } },
    });
    expect(decide(manifest, 90, 1.5, 7)?.prediction).toBe('fail');
    expect(decide(manifest, 90, 0.5, Number.NaN)).toBeUndefined();
    // Each just at its limit: one of two violated with 1 - 0.5 × 0.5.
    expect(decide(manifest, 80, 1, 7)?.confidence).toBeCloseTo(0.75);
  });

  test('needs a limit of one, and other names', () => {
    expect(
      problems({ ...REGRESSION, targets: targets.slice(2).concat({ name: 'x', standardError: 1 }) }),
    ).toEqual(['targets: expected lowLimit or highLimit of one: without one no die can fail']);
    expect(problems({ ...REGRESSION })).toEqual(['target: expected target or targets, found none']);
  });
});

describe('inputs', () => {
  const tensors = [
    { name: 'features', shape: [3] },
    { name: 'product', type: 'string' },
  ];
  const parameters = [
    { name: 'a' },
    { name: 'b' },
    { name: 'c' },
    { name: 'product', categories: ['A', 'B'] },
  ];

  test('may be several, whose sizes add up to the parameters', () => {
    expect(problems({ ...SCREEN, input: { name: 'row', tensors, parameters } })).toEqual([]);
    expect(problems({ ...SCREEN, input: { name: 'row', tensors, parameters: 5 } })).toEqual([
      'input.tensors: expected 5 values, as many as parameters, found 4',
    ]);
  });

  test('of strings need the categories that there are', () => {
    expect(problems({ ...SCREEN, input: { name: 'row', tensors, parameters: 4 } })).toEqual([
      'input.parameters: "product" takes strings: expected categories of the parameters that go into it, found none of parameter 3',
    ]);
  });

  test.each([
    [
      { name: 'p', label: 'equipment_id' },
      'input.parameters.0.label: expected only together with categories',
    ],
    [{ name: 'p', categories: ['A', 'A'] }, 'input.parameters.0.categories: "A" is there twice'],
    [
      { name: 'p', categories: ['A'], unknown: 'C' },
      'input.parameters.0.unknown: "C" is none of the categories A',
    ],
  ])('a category %j that cannot be is refused', (parameter, line) => {
    expect(problems({ ...SCREEN, input: { name: 'x', parameters: [parameter] } })).toEqual([line]);
  });

  test('an image has a shape, whose product is the number of parameters', () => {
    const image = { name: 'map', shape: [3, 224, 224], parameters: 150_528 };
    expect(problems({ ...SCREEN, input: image })).toEqual([]);
    expect(problems({ ...SCREEN, input: { ...image, parameters: 150_000 } })).toEqual([
      'input.shape: expected 150000 values, as many as parameters, found 150528',
    ]);
  });
});
