import { describe, expect, test } from 'vitest';
import { InferAnswerSchema, OipErrorSchema } from '../../../../src/oip/schemas.js';
import { post, send } from '../../../support/http.js';
import { scaledVersion, sumVersion, yieldVersion } from '../../../support/models.js';
import { appForSuite } from '../../../support/start-app.js';
import { float32Bytes } from './support.js';

const server = appForSuite(() => ({
  versions: [
    scaledVersion('1'),
    scaledVersion('2'),
    sumVersion(3, { version: '3' }),
    yieldVersion(),
    sumVersion(2, { name: 'broken', fallback: { by: 'version', model: 'sum', version: '1' } }),
  ],
  serving: {
    defaultModel: 'sum',
    models: { sum: { default: '1', split: { by: 'die_id', weights: { '1': 50, '2': 50 } } } },
  },
}));

const infer = (path: string, body: string | Buffer, headers: Record<string, string> = {}) =>
  post(`${server().url}/v2/models/${path}/infer`, body, headers);
const inputOf = (rows: readonly (readonly number[])[], datatype = 'FP32') => ({
  name: 'test_params',
  shape: [rows.length, 2],
  datatype,
  data: rows.flat(),
});
const request = (rows: readonly (readonly number[])[], more: object = {}, datatype?: string) =>
  JSON.stringify({ inputs: [inputOf(rows, datatype)], ...more });
const answerOf = ({ body }: { body: string }) => InferAnswerSchema.parse(JSON.parse(body));
const errorOf = ({ body }: { body: string }) => OipErrorSchema.parse(JSON.parse(body)).error;

describe('the bounds of a parameter hold below /v2 too', () => {
  const found = 'inputs[0].data[2]: vdd: expected 1 to 1.5 V, found 1.6';
  const rows = [
    [1.2, 85],
    [1.6, 85],
  ];

  test('as JSON, as binary and raw', async () => {
    const json = await infer('yield', request(rows));
    expect([json.status, errorOf(json)]).toEqual([422, found]);
    const raw = await infer('yield', Buffer.from(float32Bytes(rows.flat())), {
      'inference-header-content-length': '0',
    });
    expect([raw.status, errorOf(raw)]).toEqual([422, found]);
    const head = JSON.stringify({
      inputs: [{ ...inputOf(rows), data: undefined, parameters: { binary_data_size: 16 } }],
    });
    const binary = await infer('yield', Buffer.concat([Buffer.from(head), float32Bytes(rows.flat())]), {
      'inference-header-content-length': String(head.length),
    });
    expect([binary.status, errorOf(binary)]).toEqual([422, found]);
  });
});

describe('a batch that a split spreads over versions', () => {
  const rows = Array.from({ length: 16 }, () => [1, 1]);

  test('says of each die who answered, where that is asked, and of the whole nothing untrue', async () => {
    const outputs = [{ name: 'anomaly_score' }, { name: 'model_version' }];
    const answer = answerOf(await infer('sum', request(rows, { id: 'q', outputs })));
    expect(answer.model_version).toBeUndefined();
    const [scores, versions] = answer.outputs.map(({ data }) => data ?? []);
    expect(new Set(versions)).toEqual(new Set(['1', '2']));
    expect(scores).toEqual(versions?.map((version) => 2 * Number(version)));
  });

  test('that is asked of one version has that one', async () => {
    expect(answerOf(await infer('sum/versions/2', request(rows))).model_version).toBe('2');
    const named = await infer('sum', request(rows, { model_name: 'sum', model_version: '2' }));
    expect(answerOf(named)).toMatchObject({ model_version: '2' });
  });

  test('a request is read as the version that it names reads it, whatever the default reads', async () => {
    const inputs = [{ name: 'test_params', shape: [1, 3], datatype: 'FP32', data: [1, 2, 4] }];
    const answer = answerOf(await infer('sum', JSON.stringify({ inputs, model_version: '3' })));
    expect([answer.model_version, answer.outputs[0]?.data]).toEqual(['3', [7]]);
    const head = JSON.stringify({
      model_version: '3',
      inputs: [{ ...inputs[0], data: undefined, parameters: { binary_data_size: 12 } }],
    });
    const binary = await infer('sum', Buffer.concat([Buffer.from(head), float32Bytes([1, 2, 4])]), {
      'inference-header-content-length': String(head.length),
    });
    expect(answerOf(binary).outputs[0]?.data).toEqual([7]);
    expect((await infer('sum', JSON.stringify({ inputs }))).status).toBe(422);
  });

  test('a request that names another model or version than its path is refused', async () => {
    for (const [path, named] of [
      ['sum', { model_name: 'yield' }],
      ['sum/versions/1', { model_version: '2' }],
    ] as const)
      expect((await infer(path, request(rows, named))).status).toBe(422);
    expect((await infer('sum', request(rows, { model_version: '9' }))).status).toBe(404);
  });
});

describe('other types of numbers', () => {
  test('are taken where FP32 holds their values', async () => {
    for (const datatype of ['FP64', 'FP16', 'INT32', 'UINT8', 'INT64'])
      expect(
        answerOf(await infer('sum/versions/1', request([[1, 2]], {}, datatype))).outputs[0]?.data,
      ).toEqual([3]);
  });

  test('are refused where it does not, or where they are none, with the cure', async () => {
    const lossy = await infer('sum', request([[0.1, 2]], {}, 'FP64'));
    expect(lossy.status).toBe(422);
    expect(errorOf(lossy)).toMatch(/inputs\[0\].data\[0\].*found 0.1.*astype\(numpy.float32\)/);
    const text = await infer('sum', request([[1, 2]], {}, 'BYTES'));
    expect(errorOf(text)).toMatch(/expected FP32.*astype/);
  });
});

test('GET config says what is known, in the words of Triton', async () => {
  for (const path of ['yield', 'yield/versions/1']) {
    const { status, body } = await send(`${server().url}/v2/models/${path}/config`);
    expect(status).toBe(200);
    expect(JSON.parse(body)).toMatchObject({
      name: 'yield',
      platform: 'onnxruntime_onnx',
      backend: 'onnxruntime',
      max_batch_size: 1024,
      version_policy: { specific: { versions: ['1'] } },
      input: [{ name: 'test_params', data_type: 'TYPE_FP32', dims: [2] }],
      output: expect.arrayContaining([
        { name: 'value', data_type: 'TYPE_FP32', dims: [1], reshape: { shape: [] } },
        { name: 'logs', data_type: 'TYPE_FP32', dims: [2] },
        { name: 'prediction', data_type: 'TYPE_STRING', dims: [1], reshape: { shape: [] } },
      ]),
      dynamic_batching: { preferred_batch_size: [64], max_queue_delay_microseconds: 0 },
    });
  }
  expect((await send(`${server().url}/v2/models/nope/config`)).status).toBe(404);
});
