import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { draftManifest } from '../../../src/cli/check/draft-manifest.js';
import { graphOfModel } from '../../../src/cli/check/fix-model.js';
import { fixVersion } from '../../../src/cli/check/fix-version.js';
import { graphHints } from '../../../src/models/graph/hints.js';
import { readOnnx } from '../../../src/models/graph/onnx-file.js';
import { newerThanRuntime } from '../../../src/models/graph/runtime-limits.js';
import { WORKER } from '../../support/pool.js';

const FOLDER = fileURLToPath(new URL('../../../../shared/data/onnx', import.meta.url));

function draft(file: string, asked: { parameters?: number; labels?: string[] } = {}) {
  const model = readOnnx(readFileSync(join(FOLDER, file)));
  return draftManifest({
    file,
    graph: graphOfModel(model),
    hints: graphHints(model),
    name: 'm',
    version: '1',
    sha256: '',
    parameters: asked.parameters,
    labels: asked.labels,
  });
}

const row = (...names: string[]) =>
  expect.objectContaining({ tensors: names.map((name) => expect.objectContaining({ name })) });

describe.skipIf(!existsSync(FOLDER))('models of real exporters', () => {
  test.each<[string, Record<string, unknown>]>([
    [
      'columns-titanic-nozipmap.onnx',
      {
        task: 'classification',
        labels: ['0', '1'],
        input: row('pclass', 'sex', 'age', 'fare', 'embarked'),
        outputs: { probabilities: 'probabilities' },
      },
    ],
    ['made-columns-3-float.onnx', { task: 'classification', input: row('vth', 'idsat', 'ioff') }],
    ['made-features-plus-category.onnx', { task: 'anomaly-screen', input: row('features', 'product_id') }],
    [
      'detector-lof.onnx',
      { task: 'anomaly-screen', outputs: { score: 'scores', direction: 'low' }, threshold: 0 },
    ],
    [
      'detector-ocsvm.onnx',
      { task: 'anomaly-screen', outputs: { score: 'scores', direction: 'low' }, threshold: 0 },
    ],
    ['made-autoencoder.onnx', { task: 'anomaly-screen', outputs: { reconstruction: 'output' } }],
    ['made-vae.onnx', { task: 'anomaly-screen', outputs: { reconstruction: 'recon' } }],
    [
      'made-kmeans-distances.onnx',
      { task: 'anomaly-screen', outputs: { distances: { name: 'scores', size: 4 } } },
    ],
    [
      'made-keras-sigmoid.onnx',
      { task: 'classification', outputs: { probability: { name: 'dense_1', label: 'label 2' } } },
    ],
    [
      'made-pytorch-logits.onnx',
      { task: 'classification', outputs: { probabilities: 'output', activation: 'softmax' } },
    ],
    ['made-dynamic-quant.onnx', { task: 'classification', outputs: { probabilities: 'output' } }],
    ['made-qdq-int8.onnx', { task: 'classification', outputs: { probabilities: 'output' } }],
    ['made-pytorch-static-batch.onnx', { task: 'classification', outputs: { probabilities: 'output' } }],
    ['made-string-labels-tensor.onnx', { task: 'classification', labels: ['good', 'bad'] }],
    ['made-nan-imputer.onnx', { task: 'classification', outputs: { probabilities: 'probabilities' } }],
    ['made-regression-multi.onnx', { task: 'regression', targets: { length: 3 } }],
    ['targets2-tsne.onnx', { task: 'regression', targets: { length: 2 } }],
    ['made-sklearn-double.onnx', { task: 'regression', input: { type: 'float64', parameters: 16 } }],
    ['made-int64-input.onnx', { task: 'regression', input: { type: 'int64', parameters: 16 } }],
    ['made-mlnet-lightgbm.onnx', { task: 'regression', outputs: { value: 'Score.onnx' } }],
    ['rank3-fixedbatch.onnx', { task: 'regression', input: { shape: [1, 4], parameters: 4 } }],
    ['rounding-reducesum.onnx', { task: 'anomaly-screen', outputs: { score: 'output_scalars' } }],
    ['external/1/model.onnx', { task: 'classification', outputs: { probabilities: 'output' } }],
  ])('%s is drafted as what it is', (file, expected) => {
    expect(draft(file).manifest).toMatchObject(expected);
  });

  test.each([
    ['zipmap-lightgbm', /, or export with options=\{id\(model\): \{'zipmap': False\}\}$/],
    ['zipmap-logreg-iris', /'zipmap': False/],
    ['zipmap-randomforest', /'zipmap': False/],
    ['zipmap-rf-iris', /'zipmap': False/],
    ['columns-titanic', /'zipmap': False/],
    ['fixedbatch-zipmap-logreg', /, or export with zipmap=False$/],
    ['made-catboost-classifier', /a version without it; its exporter has no way to leave it out$/],
  ])('%s, whose output is no tensor, is refused with the cure in the words of its exporter', (file, cure) => {
    expect(() => draft(`${file}.onnx`)).toThrow(/is no tensor .*`diegate check --fix` writes/);
    expect(() => draft(`${file}.onnx`)).toThrow(cure);
  });

  test('a graph that fills in NaN itself takes missing values; no other does without being told', () => {
    expect(draft('made-nan-imputer.onnx').manifest).toMatchObject({ input: { missing: 'impute' } });
    expect(draft('made-pytorch-logits.onnx').manifest).toMatchObject({ input: { missing: 'reject' } });
  });

  test('a fixed batch that cannot be opened is said to stay', async () => {
    const file = join(FOLDER, 'inputs-multitype.onnx');
    const request = { out: undefined, parameters: undefined, labels: undefined };
    const { modelFile, lines } = await fixVersion(file, request, WORKER);
    expect(modelFile).toBeUndefined();
    expect(lines).toEqual([expect.stringMatching(/^the batch stays fixed, as a run with it open failed/)]);
  });

  test('half precision is refused with the cure', () => {
    expect(() => draft('made-float16-pure.onnx')).toThrow(/float16 .*check --fix.*keep_io_types=True/);
  });

  test('a graph that does not say its sizes is drafted with what a person says, and a wrong number is noticed', () => {
    expect(() => draft('nodims-tree.onnx')).toThrow(/its trees read at least 20.*--parameters/);
    expect(() => draft('nodims-tree.onnx', { parameters: 9 })).toThrow(/reads at least 20 .*says 9/);
    expect(draft('nodims-tree.onnx', { parameters: 20, labels: ['good', 'bad'] }).manifest).toMatchObject({
      task: 'classification',
      labels: ['good', 'bad'],
      input: { parameters: 20 },
    });
  });

  test('a model newer than ONNX Runtime is none that --fix has nothing to repair of', async () => {
    const file = join(FOLDER, 'made-opset-27-ir-14.onnx');
    await expect(
      fixVersion(file, { out: undefined, parameters: undefined, labels: undefined }, WORKER),
    ).rejects.toThrow(/IR version 14 and opset 27, newer than/);
  });

  test('a model newer than ONNX Runtime is refused in one line', () => {
    const model = readOnnx(readFileSync(join(FOLDER, 'made-opset-27-ir-14.onnx')));
    expect(newerThanRuntime(model)).toMatch(
      /^is of IR version 14 and opset 27, newer than .*opset_version=26/,
    );
  });

  test.each<[string, RegExp[], Record<string, unknown>]>([
    [
      'zipmap-logreg-iris.onnx',
      [
        /no sequence of maps any more/,
        /"output_label", "output_probability" (is|are) the same to the last bit|differs? by at most/,
      ],
      { labels: ['0', '1', '2'], outputs: { probabilities: 'output_probability' } },
    ],
    [
      'fixedbatch-zipmap-logreg.onnx',
      [
        /no sequence of maps any more/,
        /takes any number of rows, not 1 only/,
        /(is|are) the same|differs? by at most/,
      ],
      { outputs: { probabilities: 'probabilities' } },
    ],
    [
      'detector-lof.onnx',
      [/the negative of "scores"/, /(is|are) the same|differs? by at most/],
      { outputs: { score: 'anomaly_score' }, threshold: 0 },
    ],
    [
      'rank3-fixedbatch.onnx',
      [/so do 1 constant shapes of Reshape/, /(is|are) the same|differs? by at most/],
      { input: { shape: [1, 4] } },
    ],
    [
      'made-float16-pure.onnx',
      [/cast to half/, /cast from half/, /not proven by a run, .*: its input "input" is float16$/m],
      { task: 'classification' },
    ],
  ])(
    '--fix repairs %s, says what it changed and proves the rest',
    async (file, sentences, expected) => {
      const out = join(await mkdtemp(join(tmpdir(), 'diegate-')), 'm.onnx');
      const { lines } = await fixVersion(
        join(FOLDER, file),
        { out, parameters: undefined, labels: undefined },
        WORKER,
      );
      for (const sentence of sentences) expect(lines.join('\n')).toMatch(sentence);
      const model = readOnnx(await readFile(out));
      const { manifest } = draftManifest({
        file: out,
        graph: graphOfModel(model),
        hints: graphHints(model),
        name: 'm',
        version: '1',
        sha256: '',
        parameters: undefined,
      });
      expect(manifest).toMatchObject(expected);
    },
    60_000,
  );

  test('--fix of a model that needs none writes nothing', async () => {
    const out = join(tmpdir(), 'diegate-nothing', 'm.onnx');
    const request = { out, parameters: undefined, labels: undefined };
    const { modelFile } = await fixVersion(join(FOLDER, 'made-autoencoder.onnx'), request, WORKER);
    expect(modelFile).toBeUndefined();
    expect(existsSync(out)).toBe(false);
  });
});
