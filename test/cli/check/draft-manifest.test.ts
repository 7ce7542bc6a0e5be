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
    expect(missing).toEqual([
      'threshold',
      'calibration.slope',
      'calibration.intercept',
      'lineage.data',
      'lineage.rows',
      'lineage.codeVersion',
      'lineage.created',
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
    ['[N, 1]', [tensor('y', ['batch', 1])], 'y'],
    ['the one that is called a score', [tensor('other', ['N']), tensor('anomaly', ['N'])], 'anomaly'],
    ['no name at all', [tensor('y', [''])], 'y'],
  ])('takes an output of %s', (_what, outputs, score) => {
    expect(draft([INPUT], outputs).manifest.outputs).toEqual({ score });
  });

  it('says which outputs it leaves out', () => {
    const { notes } = draft([INPUT], [SCORE, tensor('reconstruction', ['N', 4])]);
    expect(notes[1]).toBe('outputs: "reconstruction" will not be used');
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
    [
      'a fixed batch',
      [tensor('x', [1, 4])],
      'input "x" has a fixed batch of 1 (shape [1, 4]), expected [N, parameters]: export the model with a dynamic first dimension',
    ],
    ['strings', [tensor('x', ['N', 4], 'string')], 'input "x" is string, expected float32'],
    [
      'images',
      [tensor('x', ['N', 3, 32, 32])],
      'input "x" has shape [N, 3, 32, 32], expected two dimensions: [N, parameters]',
    ],
    [
      'two inputs',
      [INPUT, tensor('z', ['N', 2])],
      'the graph has 2 inputs ("x", "z"), expected one: float32 [N, parameters]',
    ],
    ['no input', [], 'the graph has 0 inputs, expected one: float32 [N, parameters]'],
  ])('refuses %s in one line', async (_what, inputs, problem) => {
    expect(await problemsOf(() => draft(inputs, [SCORE]))).toEqual([`model.onnx: ${problem}`]);
  });

  it('refuses outputs that are no task that is served, showing them', async () => {
    const outputs = [tensor('ids', ['N'], 'int64'), tensor('one', [1])];
    expect(await problemsOf(() => draft([INPUT], outputs))).toEqual([
      expect.stringMatching(
        /^model\.onnx: no output fits a task that is served: "ids" is int64 \[N\], "one" is float32 \[1\]; expected/,
      ),
    ]);
  });
});
