import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { modelConfig } from '../../../../src/oip/model-config.js';
import { InferAnswerSchema, ModelMetadataSchema, OipErrorSchema } from '../../../../src/oip/schemas.js';
import { attribute, node, onnxGraph, valueInfo, wholes } from '../../../support/graphs.js';
import { post, send } from '../../../support/http.js';
import { manifestOf, type TestVersion } from '../../../support/models.js';
import { appForSuite } from '../../../support/start-app.js';
import { float32Bytes } from './support.js';

/** The score is the sum of two features and of a 2 × 3 map, 100 times the product and 1000 times the tester. */
function shapedVersion(): TestVersion {
  const onnx = onnxGraph({
    inputs: [
      valueInfo('features', [2]),
      valueInfo('map', [2, 3]),
      valueInfo('product', [1], 'INT64'),
      valueInfo('tester', [1], 'STRING'),
    ],
    outputs: [valueInfo('anomaly_score', [])],
    initializers: [wholes('one', [1]), wholes('both', [1, 2])],
    nodes: [
      node('ReduceSum', ['features', 'one'], ['a'], [attribute('keepdims', { i: 0 })]),
      node('ReduceSum', ['map', 'both'], ['b'], [attribute('keepdims', { i: 0 })]),
      node('Cast', ['product'], ['c0'], [attribute('to', { i: 1 })]),
      node('Sum', ['c0', 'c0', 'c0', 'c0', 'c0', 'c0', 'c0', 'c0', 'c0', 'c0'], ['c1']),
      node('ReduceSum', ['c1', 'one'], ['c'], [attribute('keepdims', { i: 0 })]),
      node(
        'LabelEncoder',
        ['tester'],
        ['d0'],
        [
          attribute('keys_strings', { strings: ['T1', 'T2'] }),
          attribute('values_floats', { floats: [1000, 2000] }),
        ],
        'ai.onnx.ml',
      ),
      node('ReduceSum', ['d0', 'one'], ['d'], [attribute('keepdims', { i: 0 })]),
      node('Sum', ['a', 'b', 'c', 'd'], ['anomaly_score']),
    ],
  });
  const numbers = ['f1', 'f2', 'm1', 'm2', 'm3', 'm4', 'm5', 'm6'].map((name) => ({ name }));
  return {
    onnx,
    manifest: manifestOf(onnx, 10, {
      name: 'shaped',
      sha256: createHash('sha256').update(onnx).digest('hex'),
      input: {
        name: 'row',
        tensors: [
          { name: 'features', shape: [2] },
          { name: 'map', shape: [2, 3] },
          { name: 'product', type: 'int64' },
          { name: 'tester', type: 'string' },
        ],
        parameters: [
          ...numbers,
          { name: 'product', categories: ['A', 'B', 'C'], label: 'product' },
          { name: 'tester', categories: ['T1', 'T2'], label: 'equipment_id' },
        ],
      },
    }),
  };
}

const server = appForSuite(() => ({
  versions: [shapedVersion()],
  serving: { defaultModel: 'shaped', models: {} },
}));

const at = (path: string) => `${server().url}/v2/models/shaped${path}`;
const infer = (body: string | Buffer, headers: Record<string, string> = {}) =>
  post(at('/infer'), body, headers);
const scoresOf = ({ status, body }: { status: number; body: string }) => {
  expect([status, body]).toEqual([200, expect.anything()]);
  return InferAnswerSchema.parse(JSON.parse(body)).outputs.find(({ name }) => name === 'anomaly_score')?.data;
};
const errorOf = ({ body }: { body: string }) => OipErrorSchema.parse(JSON.parse(body)).error;

const features = { name: 'features', shape: [2, 2], datatype: 'FP32', data: [1, 2, 3, 4] };
const map = {
  name: 'map',
  shape: [2, 2, 3],
  datatype: 'FP32',
  data: [
    [
      [10, 20, 30],
      [0, 0, 0],
    ],
    [
      [0, 0, 0],
      [1, 1, 1],
    ],
  ],
};
const product = { name: 'product', shape: [2, 1], datatype: 'INT64', data: [0, 2] };
const tester = { name: 'tester', shape: [2, 1], datatype: 'BYTES', data: ['T2', 'T1'] };
const EXPECTED = [3 + 60 + 0 + 2000, 7 + 3 + 20 + 1000];

describe('a version of several inputs and shapes', () => {
  test('says them in its metadata and its configuration', async () => {
    const metadata = ModelMetadataSchema.parse(JSON.parse((await send(at(''))).body));
    expect(metadata.inputs).toEqual([
      { name: 'features', datatype: 'FP32', shape: [-1, 2] },
      { name: 'map', datatype: 'FP32', shape: [-1, 2, 3] },
      { name: 'product', datatype: 'INT64', shape: [-1, 1] },
      { name: 'tester', datatype: 'BYTES', shape: [-1, 1] },
    ]);
    const config: ReturnType<typeof modelConfig> = JSON.parse((await send(at('/config'))).body);
    expect(config.input.map(({ data_type, dims }) => [data_type, dims])).toEqual([
      ['TYPE_FP32', [2]],
      ['TYPE_FP32', [2, 3]],
      ['TYPE_INT64', [1]],
      ['TYPE_STRING', [1]],
    ]);
  });

  test('takes each by its name, in any order, nested or flat', async () => {
    expect(scoresOf(await infer(JSON.stringify({ inputs: [features, map, product, tester] })))).toEqual(
      EXPECTED,
    );
    const flat = { ...map, data: map.data.flat(2) };
    const nested = {
      ...features,
      data: [
        [1, 2],
        [3, 4],
      ],
    };
    expect(scoresOf(await infer(JSON.stringify({ inputs: [tester, flat, product, nested] })))).toEqual(
      EXPECTED,
    );
  });

  test('takes one die without the dimension of dies', async () => {
    const one = [
      { ...features, shape: [2], data: [1, 2] },
      { ...map, shape: [2, 3], data: map.data[0] },
      { ...product, shape: [1], data: [0] },
      { ...tester, shape: [1], data: ['T2'] },
    ];
    expect(scoresOf(await infer(JSON.stringify({ inputs: one })))).toEqual(EXPECTED.slice(0, 1));
  });

  test('takes them as bytes behind the JSON, one input after another', async () => {
    const texts = Buffer.concat(
      ['T2', 'T1'].flatMap((name) => [Buffer.from(Uint32Array.of(name.length).buffer), Buffer.from(name)]),
    );
    const wholes = Buffer.from(BigInt64Array.of(0n, 2n).buffer);
    const parts = [float32Bytes(features.data), float32Bytes(map.data.flat(2)), wholes, texts];
    const inputs = [features, map, product, tester].map((input, i) => ({
      ...input,
      data: undefined,
      parameters: { binary_data_size: parts[i]?.length },
    }));
    const head = JSON.stringify({ inputs });
    const binary = (tail: Buffer) =>
      infer(Buffer.concat([Buffer.from(head), tail]), {
        'inference-header-content-length': `${head.length}`,
      });
    expect(scoresOf(await binary(Buffer.concat(parts)))).toEqual(EXPECTED);
    expect(errorOf(await binary(Buffer.concat(parts).subarray(1)))).toBe(
      'expected 92 bytes behind the JSON, found 91',
    );
  });

  test('takes them all as one row, also raw, with what the labels of the die say', async () => {
    const rows = [1, 2, 10, 20, 30, 0, 0, 0, null, null];
    const row = { name: 'row', shape: [1, 10], datatype: 'FP32', data: rows };
    const labels = { 'x-label-product': 'A', 'x-equipment-id': 'T2' };
    expect(scoresOf(await infer(JSON.stringify({ inputs: [row] }), labels))).toEqual(EXPECTED.slice(0, 1));
    const raw = await infer(float32Bytes(rows.map((value) => value ?? Number.NaN)), {
      'inference-header-content-length': '0',
      ...labels,
    });
    expect(raw.status).toBe(200);
    expect(errorOf(await infer(JSON.stringify({ inputs: [row] })))).toMatch(
      /^inputs\[0\]\.data\[8\]: product: expected one of A, B, C, found null, and no product/,
    );
  });

  test.each([
    [
      'an input that is missing',
      [features, map, product],
      /inputs: expected 4 inputs, found 3 without "tester" \(BYTES \[dies, 1\]\)/,
    ],
    ['one twice', [features, map, product, product], /inputs: expected 4 inputs, found "product" twice/],
    [
      'one that it has not',
      [features, map, product, { ...tester, name: 'x' }],
      /inputs\[3\]\.name: expected one of "features", .*found "x"/,
    ],
    [
      'another shape',
      [features, { ...map, shape: [2, 3, 2] }, product, tester],
      /inputs\[1\]\.shape: expected \[dies, 2, 3\] with 1 die or more, or \[2, 3\] for one die, found \[2, 3, 2\]/,
    ],
    [
      'another number of dies',
      [features, map, { ...product, shape: [1, 1], data: [0] }, tester],
      /inputs\[2\]\.shape: expected 2 dies as in inputs\[0\], found \[1, 1\]/,
    ],
    [
      'text for numbers',
      [{ ...features, datatype: 'BYTES' }, map, product, tester],
      /inputs\[0\]\.datatype: expected FP32, or a number type/,
    ],
    [
      'fractions for text',
      [features, map, product, { ...tester, datatype: 'FP32', data: [0, 1] }],
      /inputs\[3\]\.datatype: expected BYTES \(the text of a category\)/,
    ],
    [
      'a text that is no category',
      [features, map, product, { ...tester, data: ['T2', 'T9'] }],
      /inputs\[3\]\.data\[1\]: tester: expected one of T1, T2, found "T9"/,
    ],
    [
      'a place that no category has',
      [features, map, { ...product, data: [0, 3] }, tester],
      /inputs\[2\]\.data\[1\]: product: expected one of A, B, C, found position 3/,
    ],
    [
      'a deeper value that is none',
      [
        features,
        {
          ...map,
          data: [
            map.data[0],
            [
              [0, 0, 0],
              [1, 'x', 1],
            ],
          ],
        },
        product,
        tester,
      ],
      /inputs\[1\]\.data\[1\]\[1\]\[1\]: expected a number/,
    ],
  ])('refuses %s by its place', async (_, inputs, message) => {
    const answer = await infer(JSON.stringify({ inputs }));
    expect([answer.status, errorOf(answer)]).toEqual([422, expect.stringMatching(message)]);
  });
});

describe('a label that only one model reads', () => {
  const die = { die_id: 'd1', equipment_id: 'T2', test_params: [1, 2, 10, 20, 30, 0, 0, 0, null, null] };
  const predict = (path: string, body: unknown, headers = {}) =>
    post(`${server().url}${path}`, Buffer.isBuffer(body) ? body : JSON.stringify(body), {
      'content-type': Buffer.isBuffer(body) ? 'application/octet-stream' : 'application/json',
      ...headers,
    });
  const scoreIn = ({ body }: { body: string }) =>
    z.looseObject({ anomaly_score: z.number() }).parse(JSON.parse(body)).anomaly_score;

  test('is a key of the die, alone, in a batch, and by parameter name', async () => {
    expect(scoreIn(await predict('/predict', { ...die, product: 'C' }))).toBe(63 + 20 + 2000);
    const both = await predict('/predict/batch', [
      { ...die, product: 'A' },
      { ...die, die_id: 'd2', product: 'B' },
    ]);
    const { predictions } = z.object({ predictions: z.array(z.unknown()) }).parse(JSON.parse(both.body));
    expect(predictions.map((one) => scoreIn({ body: JSON.stringify(one) }))).toEqual([2063, 2073]);
    const test_params = { f1: 1, f2: 2, m1: 10, m2: 20, m3: 30, m4: 0, m5: 0, m6: 0 };
    expect(scoreIn(await predict('/predict', { ...die, test_params, product: 'A' }))).toBe(2063);
  });

  test('is a header of binary dies', async () => {
    const bytes = float32Bytes(die.test_params.map((value) => value ?? Number.NaN));
    const headers = { 'x-die-id': 'd1', 'x-equipment-id': 'T2' };
    expect(scoreIn(await predict('/predict', bytes, { ...headers, 'x-label-product': 'C' }))).toBe(2083);
    const without = await predict('/predict', bytes, headers);
    expect([without.status, without.body]).toEqual([
      422,
      expect.stringContaining('found null, and no product'),
    ]);
  });

  test.each([
    [
      'none of the categories',
      { product: 'Z' },
      'product: expected one of A, B, C, found product the string',
    ],
    ['nothing', {}, 'found null, and no product'],
    ['no text', { product: 7 }, 'product: expected a string of 1 to 128 characters, found 7'],
  ])('is refused where it is %s', async (_, more, message) => {
    const answer = await predict('/predict', { ...die, ...more });
    expect([answer.status, answer.body]).toEqual([422, expect.stringContaining(message)]);
  });
});
