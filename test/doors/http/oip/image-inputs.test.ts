import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { InferAnswerSchema, ModelMetadataSchema, OipErrorSchema } from '../../../../src/oip/schemas.js';
import { attribute, floats, node, onnxGraph, valueInfo, wholes } from '../../../support/graphs.js';
import { post, send } from '../../../support/http.js';
import { manifestOf, type TestVersion } from '../../../support/models.js';
import { appForSuite } from '../../../support/start-app.js';
import { float32Bytes } from './support.js';

// Channels, rows, columns of one die's image, as image models have them (NCHW).
const SHAPE = [2, 3, 4];
const PIXELS = 24;
/** What each pixel counts: any two that change places change the score. */
const WEIGHTS = Float32Array.from({ length: PIXELS }, (_, i) => i + 1);

/** The score is the sum of all pixels, each by its weight. */
function imageVersion(name: string, type: 'float32' | 'uint8'): TestVersion {
  const onnx = onnxGraph({
    inputs: [valueInfo('image', SHAPE, type === 'uint8' ? 'UINT8' : 'FLOAT')],
    outputs: [valueInfo('anomaly_score', [])],
    initializers: [floats('weights', [1, ...SHAPE], WEIGHTS), wholes('axes', [1, 2, 3])],
    nodes: [
      node('Cast', ['image'], ['pixels'], [attribute('to', { i: 1 })]),
      node('Mul', ['pixels', 'weights'], ['weighed']),
      node('ReduceSum', ['weighed', 'axes'], ['anomaly_score'], [attribute('keepdims', { i: 0 })]),
    ],
  });
  return {
    onnx,
    manifest: manifestOf(onnx, PIXELS, {
      name,
      sha256: createHash('sha256').update(onnx).digest('hex'),
      threshold: 1_000_000,
      input: { name: 'image', type, shape: SHAPE, parameters: PIXELS },
    }),
  };
}

const server = appForSuite(() => ({
  versions: [imageVersion('image', 'float32'), imageVersion('bytes', 'uint8')],
  serving: { defaultModel: 'image', models: {} },
}));

const infer = (model: string, body: string | Buffer, headers: Record<string, string> = {}) =>
  post(`${server().url}/v2/models/${model}/infer`, body, headers);
const scoresOf = ({ status, body }: { status: number; body: string }) => {
  expect(status, body).toBe(200);
  return InferAnswerSchema.parse(JSON.parse(body)).outputs.find(({ name }) => name === 'anomaly_score')?.data;
};

/** Two images of whole pixels, and what they score. */
const IMAGES = [0, 1].map((die) => Array.from({ length: PIXELS }, (_, i) => (i * 7 + die * 13) % 200));
const EXPECTED = IMAGES.map((pixels) => pixels.reduce((sum, pixel, i) => sum + pixel * (i + 1), 0));

/** An image as nested lists: channels of rows of columns. */
const nested = (pixels: readonly number[]) =>
  [0, 1].map((channel) =>
    [0, 1, 2].map((row) => pixels.slice(channel * 12 + row * 4, channel * 12 + row * 4 + 4)),
  );
const tensor = { name: 'image', shape: [2, ...SHAPE], datatype: 'FP32' };

/** A request whose tensor stands as bytes behind its JSON. */
function behind(datatype: string, bytes: Buffer) {
  const parameters = { binary_data_size: bytes.length };
  const head = JSON.stringify({ inputs: [{ ...tensor, datatype, parameters }] });
  return [
    Buffer.concat([Buffer.from(head), bytes]),
    { 'inference-header-content-length': `${head.length}` },
  ] as const;
}

describe.each(['image', 'bytes'])('a version of images: %s', (model) => {
  test('says its shape', async () => {
    const { body } = await send(`${server().url}/v2/models/${model}`);
    expect(ModelMetadataSchema.parse(JSON.parse(body)).inputs).toEqual([
      { name: 'image', datatype: model === 'image' ? 'FP32' : 'UINT8', shape: [-1, ...SHAPE] },
    ]);
  });

  test.each([
    ['nested lists', IMAGES.map(nested)],
    ['one flat list', IMAGES.flat()],
    ['a flat list a die', IMAGES],
  ])('takes JSON: %s', async (_, data) => {
    expect(scoresOf(await infer(model, JSON.stringify({ inputs: [{ ...tensor, data }] })))).toEqual(EXPECTED);
  });

  test('takes one die without the dimension of dies', async () => {
    const one = { ...tensor, shape: SHAPE, data: nested(IMAGES[1] ?? []) };
    expect(scoresOf(await infer(model, JSON.stringify({ inputs: [one] })))).toEqual(EXPECTED.slice(1));
  });

  test('takes bytes behind the JSON, of its own type and of float32', async () => {
    expect(scoresOf(await infer(model, ...behind('FP32', float32Bytes(IMAGES.flat()))))).toEqual(EXPECTED);
    expect(scoresOf(await infer(model, ...behind('UINT8', Buffer.from(IMAGES.flat()))))).toEqual(EXPECTED);
  });

  test('takes raw float32, and dies of /predict, as the same rows', async () => {
    const raw = await infer(model, float32Bytes(IMAGES.flat()), {
      'inference-header-content-length': '0',
      'x-die-ids': 'a,b',
    });
    expect(raw.status).toBe(200);
    const die = JSON.stringify({ die_id: 'd', test_params: IMAGES[0] });
    const { status, body } = await post(`${server().url}/models/${model}/predict`, die);
    expect([status, JSON.parse(body).anomaly_score]).toEqual([200, EXPECTED[0]]);
  });

  test.each([
    [
      'with the channels last',
      { ...tensor, shape: [2, 3, 4, 2], data: IMAGES.flat() },
      /inputs\[0\]\.shape: expected \[dies, 2, 3, 4\].*found \[2, 3, 4, 2\]/,
    ],
    [
      'with a row too short',
      { ...tensor, data: [nested(IMAGES[0] ?? []), [[[1, 2, 3]]]] },
      /inputs\[0\]\.data\[1\]/,
    ],
    [
      'with a pixel too few',
      { ...tensor, data: IMAGES.flat().slice(1) },
      /inputs\[0\]\.data: expected 48 .*found 47/,
    ],
    [
      'with text for a pixel',
      {
        ...tensor,
        data: IMAGES.map((image) => nested(image).map((rows) => rows.map((row) => ['x', ...row.slice(1)]))),
      },
      /inputs\[0\]\.data\[0\]\[0\]\[0\]\[0\]: expected a number/,
    ],
  ])('refuses one %s by its place', async (_, input, message) => {
    const { status, body } = await infer(model, JSON.stringify({ inputs: [input] }));
    expect([status, OipErrorSchema.parse(JSON.parse(body)).error]).toEqual([
      422,
      expect.stringMatching(message),
    ]);
  });
});

test('a pixel that is no byte is refused by a version of bytes', async () => {
  const data = IMAGES.flat();
  for (const [pixel, found] of [
    [256, '256'],
    [0.5, '0.5'],
    [-1, '-1'],
  ] as const) {
    const body = JSON.stringify({ inputs: [{ ...tensor, data: [pixel, ...data.slice(1)] }] });
    const answer = await infer('bytes', body);
    expect([answer.status, answer.body]).toEqual([422, expect.stringContaining(found)]);
  }
});
