import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { PredictionSchema, PredictionsSchema } from '../../../../src/die/prediction.js';
import { ModelMetadataSchema, OipErrorSchema } from '../../../../src/oip/schemas.js';
import { bytesOf, dieOf } from '../../../support/dies.js';
import { expectProblem, post, send } from '../../../support/http.js';
import { logModel, manifestOf, sumVersion } from '../../../support/models.js';
import { appForSuite, startApp } from '../../../support/start-app.js';
import { exchange, tensorsOf, wire } from './support.js';

/** A raw request for dies of the server's model, over a real socket. */
async function inferRaw(port: number, model: string, bytes: Uint8Array) {
  const head = ['host: diegate', 'inference-header-content-length: 0', `content-length: ${bytes.length}`];
  const answer = await exchange(
    port,
    wire(`POST /v2/models/${model}/infer HTTP/1.1`, head, Buffer.from(bytes)),
  );
  expect(answer.status, answer.body.toString()).toBe(200);
  return tensorsOf(answer.body, answer.headers.get('inference-header-content-length'));
}

const errorOf = (body: string) => OipErrorSchema.strict().parse(JSON.parse(body)).error;

describe('the model that diegate ships', () => {
  const server = appForSuite(() => ({
    versions: [],
    environment: { MODEL_REPOSITORY: fileURLToPath(new URL('../../../../models', import.meta.url)) },
  }));
  /** Dies around the model's own example, float32 and of growing distance from it. */
  const dies = async (count: number): Promise<number[][]> => {
    const { test_params } = JSON.parse((await send(`${server().url}/models/die-defect/example`)).body);
    return Array.from({ length: count }, (_, i) =>
      test_params.map((value: number, j: number) =>
        Math.fround(value * (1 + ((i * 31 + j * 17) % 11) * 0.003 * i)),
      ),
    );
  };

  test('gives a raw die of 2,048 bytes the answer of POST /predict, to the last bit', async () => {
    const [row = []] = (await dies(2)).slice(1);
    const bytes = bytesOf(row);
    expect(bytes.length).toBe(2_048);
    const predicted = await post(`${server().url}/predict`, JSON.stringify(dieOf({ test_params: row })));
    const { anomaly_score, prediction, confidence } = PredictionSchema.parse(JSON.parse(predicted.body));
    const tensors = await inferRaw(server().port, 'die-defect', bytes);
    expect(Object.fromEntries(tensors)).toEqual({
      [await scoreName()]: [anomaly_score],
      prediction: [prediction],
      confidence: [Math.fround(confidence)],
    });
  });

  test('gives a batch, in JSON and in binary, the answers of POST /predict/batch, to the last bit', async () => {
    const rows = await dies(9);
    const batch = rows.map((test_params, i) => dieOf({ die_id: `d${i}`, test_params }));
    const { predictions } = PredictionsSchema.parse(
      JSON.parse((await post(`${server().url}/predict/batch`, JSON.stringify(batch))).body),
    );
    expect(new Set(predictions.map(({ prediction }) => prediction)).size).toBe(2);
    const inputs = [{ name: 'test_params', shape: [9, 512], datatype: 'FP32', data: rows }];
    const json = await post(
      `${server().url}/v2/models/die-defect/versions/1/infer`,
      JSON.stringify({ inputs }),
    );
    for (const tensors of [
      tensorsOf(Buffer.from(json.body), null),
      await inferRaw(server().port, 'die-defect', bytesOf(...rows)),
    ]) {
      expect(tensors.get(await scoreName())).toEqual(predictions.map((one) => one.anomaly_score));
      expect(tensors.get('prediction')).toEqual(predictions.map((one) => one.prediction));
      expect(tensors.get('confidence')).toEqual(predictions.map((one) => Math.fround(one.confidence)));
    }
  });

  test('is described by its metadata', async () => {
    const { body } = await send(`${server().url}/v2/models/die-defect`);
    expect(ModelMetadataSchema.strict().parse(JSON.parse(body))).toMatchObject({
      name: 'die-defect',
      versions: ['1'],
      inputs: [{ name: 'test_params', datatype: 'FP32', shape: [-1, 512] }],
    });
  });

  const scoreName = async () =>
    JSON.parse((await send(`${server().url}/models/die-defect/versions/1`)).body).contract.outputs.score;
});

describe('a server that is still loading', () => {
  test('is live, but neither ready nor able to infer', async () => {
    const { url } = await startApp({ versions: [sumVersion(4)], load: false });
    expect((await send(`${url}/v2/health/live`)).status).toBe(200);
    const ready = await send(`${url}/v2/health/ready`);
    expect([ready.status, ready.headers.get('retry-after')]).toEqual([503, '1']);
    expect(errorOf(ready.body)).toContain('sum/1 is not loaded');
    expect((await send(`${url}/v2/models/sum/ready`)).status).toBe(503);
    const infer = await post(`${url}/v2/models/sum/infer`, '{}');
    expect([infer.status, errorOf(infer.body)]).toEqual([503, 'sum/1 is still being loaded']);
    const index = await post(`${url}/v2/repository/index`, '');
    expect(JSON.parse(index.body)).toEqual([
      { name: 'sum', version: '1', state: 'LOADING', reason: 'sum/1 is loading' },
    ]);
  });
});

describe('a server with two models', () => {
  const onnx = logModel(2);
  const parameters = ['a', 'b'].map((name) => ({ name, expected: 1 }));
  const server = appForSuite(() => ({
    versions: [
      sumVersion(4),
      sumVersion(4, { version: '2' }),
      { onnx, manifest: manifestOf(onnx, 2, { name: 'log', input: { name: 'test_params', parameters } }) },
    ],
  }));

  test('answers for the default version, a named version and the other model', async () => {
    const ask = async (path: string, data: number[]) => {
      const inputs = [{ name: 'test_params', shape: [data.length], datatype: 'FP32', data }];
      const answer = await post(`${server().url}/v2/models/${path}/infer`, JSON.stringify({ inputs }));
      return JSON.parse(answer.body);
    };
    expect(await ask('sum', [1, 2, 3, 4])).toMatchObject({ model_name: 'sum', model_version: '2' });
    expect(await ask('sum/versions/1', [1, 2, 3, 4])).toMatchObject({ model_version: '1' });
    expect(await ask('log', [1, 1])).toMatchObject({ model_name: 'log', outputs: [{ data: [0] }, {}, {}] });
    expect(await ask('log', [0, 1])).toEqual({
      error: expect.stringMatching(
        /^die ".*-0" keeps the contract, but log\/1 gives it the score -Infinity, expected a finite number: /,
      ),
    });
  });

  test('answers 504 at the deadline, in its own form', async () => {
    const inputs = [{ name: 'test_params', shape: [4], datatype: 'FP32', data: [1, 2, 3, 4] }];
    const body = JSON.stringify({ inputs, parameters: { timeout: 1 } });
    const answer = await post(`${server().url}/v2/models/sum/infer`, body);
    expect([answer.status, errorOf(answer.body)]).toEqual([
      504,
      'the deadline passed before the die was scored',
    ]);
  });

  test('refuses in the form of the protocol below /v2, and with a problem everywhere else', async () => {
    const unreadable = await send(`${server().url}/v2/%zz`);
    expect([unreadable.status, unreadable.headers.get('content-type')]).toEqual([400, 'application/json']);
    expect(unreadable.headers.get('x-request-id')).not.toBeNull();
    expect(errorOf(unreadable.body)).toMatch(/percent-encoding/);
    expectProblem(await send(`${server().url}/%zz`), 'bad_request');
    expectProblem(await send(`${server().url}/v3/health/live`), 'not_found');
  });

  test('counts dies of both interfaces in the same metrics, and logs them alike', async () => {
    const body = JSON.stringify({
      id: 'lot7',
      inputs: [{ name: 'test_params', shape: [1, 4], datatype: 'FP32', data: [0, 0, 0, 0.5] }],
    });
    expect((await post(`${server().url}/v2/models/sum/infer`, body)).status).toBe(200);
    const line = await server().log.line(({ die_id }) => die_id === 'lot7-0');
    expect(line).toMatchObject({ model: 'sum', prediction: 'pass' });
  });
});
