import { describe, expect, it } from 'vitest';
import { draftManifest } from '../../../src/cli/check/draft-manifest.js';
import type { TensorInfo } from '../../../src/models/manifest/graph.js';
import { ManifestSchema } from '../../../src/models/manifest/manifest.js';
import { problemsOf } from '../../training/fixtures.js';

const tensor = (name: string, shape: TensorInfo['shape'], type = 'float32'): TensorInfo => ({
  name,
  type,
  shape,
});

function draft(inputs: TensorInfo[], outputs: TensorInfo[], parameters?: number) {
  return draftManifest({
    file: 'model.onnx',
    graph: { inputs, outputs },
    name: 'mine',
    version: '3',
    sha256: 'a'.repeat(64),
    parameters,
  });
}

const INPUT = tensor('x', ['N', 4]);
const SCORE = tensor('score', ['N']);

describe('the draft of a manifest', () => {
  it('takes from the graph all that the graph knows', () => {
    const { manifest } = draft([INPUT], [SCORE, tensor('contributions', ['N', 4])]);
    expect(manifest).toMatchObject({
      name: 'mine',
      version: '3',
      task: 'anomaly-screen',
      input: { name: 'x', parameters: 4 },
      outputs: { score: 'score', contributions: 'contributions' },
      sha256: 'a'.repeat(64),
    });
  });

  it('has null wherever only a person knows, tells of each, and is served by nobody before', () => {
    const { manifest, notes } = draft([INPUT], [SCORE]);
    const parsed = ManifestSchema.safeParse(manifest);
    const missing = parsed.error?.issues.map(({ path }) => path.join('.'));
    expect(missing?.sort()).toEqual([
      'calibration.intercept',
      'calibration.slope',
      'lineage.codeVersion',
      'lineage.created',
      'lineage.data',
      'lineage.rows',
      'threshold',
    ]);
    const told = notes.map((note) => note.split(':', 1)[0]);
    expect(told).toEqual([
      'task',
      'threshold',
      'calibration',
      'input.parameters',
      'input.missing',
      'lineage',
    ]);
  });

  it('is a manifest once those are filled in', () => {
    const { manifest } = draft([INPUT], [SCORE]);
    const filled = {
      ...manifest,
      threshold: 1,
      calibration: { method: 'logistic-log-score', slope: 2, intercept: 0, basis: 'nominal' },
      lineage: { data: 'lots', rows: 10, codeVersion: 'sklearn 1.7', created: '2026-01-01T00:00:00Z' },
    };
    expect(ManifestSchema.safeParse(filled).success).toBe(true);
  });

  it.each([
    ['[N, 1]', [tensor('distance', ['batch', 1])], 'distance'],
    ['the one that is called a score', [tensor('other', ['N']), tensor('anomaly', ['N'])], 'anomaly'],
    ['no named dimension', [tensor('distance', [''])], 'distance'],
  ])('takes an output of %s', (_what, outputs, score) => {
    expect(draft([INPUT], outputs).manifest.outputs).toEqual({ score });
  });

  const LINEAGE = { data: 'lots', rows: 10, codeVersion: 'sklearn 1.7', created: '2026-01-01T00:00:00Z' };

  it('of a classifier has a placeholder for each label, and waits for those that pass', () => {
    // As sklearn-onnx writes one: the labels as integers beside their probabilities.
    const { manifest, guess, notes } = draft(
      [INPUT],
      [tensor('label', ['N'], 'int64'), tensor('probabilities', ['N', 3])],
    );
    expect(guess.decisive).toEqual({ name: 'probabilities', size: 3 });
    expect(notes).toContainEqual(expect.stringMatching(/^labels: the names of the 3 classes/));
    const issues = ManifestSchema.safeParse({ ...manifest, lineage: LINEAGE }).error?.issues ?? [];
    expect(issues.map(({ path }) => path.join('.'))).toEqual(['passLabels']);
    const filled = {
      ...manifest,
      lineage: LINEAGE,
      labels: ['good', 'edge', 'scratch'],
      passLabels: ['good'],
    };
    expect(ManifestSchema.parse(filled)).toMatchObject({ task: 'classification', threshold: 0.5 });
  });

  it('of a regression waits for the limits and the standard error of its target', () => {
    const { manifest, guess } = draft([INPUT], [tensor('predicted_yield', ['N', 1])]);
    expect(guess.decisive).toEqual({ name: 'predicted_yield', size: 1 });
    const issues = ManifestSchema.safeParse({ ...manifest, lineage: LINEAGE }).error?.issues ?? [];
    expect(issues.map(({ path }) => path.join('.'))).toEqual([
      'target.unit',
      'target.lowLimit',
      'target.highLimit',
      'target.standardError',
    ]);
    const filled = {
      ...manifest,
      lineage: LINEAGE,
      target: { name: 'yield', unit: '%', lowLimit: 90, standardError: 2 },
    };
    expect(ManifestSchema.parse(filled)).toMatchObject({ task: 'regression', threshold: 0.5 });
  });

  it.each([
    [
      'a reconstruction as wide as the input beside a score',
      [SCORE, tensor('reconstruction', ['N', 4])],
      'anomaly-screen',
    ],
    ['probabilities of as many labels as parameters', [tensor('class_probs', ['N', 4])], 'classification'],
    ['contributions beside a score', [SCORE, tensor('contributions', ['N', 4])], 'anomaly-screen'],
    ['a score beside a quantity', [tensor('value', ['N']), SCORE], 'anomaly-screen'],
  ])('takes %s for what it is', (_what, outputs, task) => {
    expect(draft([INPUT], outputs).manifest.task).toBe(task);
  });

  it('says which outputs it leaves out', () => {
    const { notes } = draft([INPUT], [SCORE, tensor('reconstruction', ['N', 4])]);
    expect(notes[1]).toBe(
      'outputs: "reconstruction" will not be used; name an output of numbers in outputs.extra to have it returned with each prediction',
    );
  });

  it('asks for the number of parameters where the graph leaves it open, and takes no other than its own', async () => {
    const open = tensor('x', ['N', 'M']);
    expect(draft([open], [SCORE], 7).manifest.input).toMatchObject({ parameters: 7 });
    expect(await problemsOf(() => draft([open], [SCORE]))).toEqual([
      'model.onnx: input "x" has shape [N, M], which does not say how many parameters it reads: say it with --parameters',
    ]);
    expect(await problemsOf(() => draft([INPUT], [SCORE], 7))).toEqual([
      'model.onnx: input "x" reads 4 parameters (shape [N, 4]), --parameters says 7',
    ]);
  });

  it.each([
    ['a fixed batch', [tensor('x', [1, 4])], { name: 'x', parameters: 4 }],
    [
      'strings',
      [tensor('x', ['N', 1], 'string')],
      { tensors: [{ name: 'x', type: 'string', shape: [1] }], parameters: [{ name: 'x', categories: null }] },
    ],
    ['images', [tensor('x', ['N', 3, 32, 32])], { name: 'x', shape: [3, 32, 32], parameters: 3072 }],
    [
      'two inputs',
      [INPUT, tensor('z', ['N', 1], 'int64')],
      {
        tensors: [
          { name: 'x', shape: [4] },
          { name: 'z', type: 'int64', shape: [1] },
        ],
        parameters: [{ name: 'x_1' }, { name: 'x_2' }, { name: 'x_3' }, { name: 'x_4' }, { name: 'z' }],
      },
    ],
  ])('takes inputs of %s', (_what, inputs, input) => {
    expect(draft(inputs, [SCORE]).manifest.input).toMatchObject(input);
  });

  it.each([
    ['no input', [], /the graph has no input, expected one or more/],
    ['half precision', [tensor('x', ['N', 4], 'float16')], /"x" is float16 .*check --fix/],
    ['no batch', [tensor('x', [])], /"x" has no dimensions, expected the batch first/],
  ])('refuses %s in one line', async (_what, inputs, problem) => {
    expect(await problemsOf(() => draft(inputs, [SCORE]))).toEqual([expect.stringMatching(problem)]);
  });

  it('refuses outputs that are no task that is served, showing them', async () => {
    const outputs = [tensor('table', ['N', 'M'])];
    expect(await problemsOf(() => draft([INPUT], outputs))).toEqual([
      expect.stringMatching(
        /^model\.onnx: no output fits a task that is served: "table" is float32 \[N, M\]; expected .*--labels/,
      ),
    ]);
  });
});
