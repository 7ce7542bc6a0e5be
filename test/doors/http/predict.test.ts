import { describe, expect, test } from 'vitest';
import { type Prediction, PredictionSchema, PredictionsSchema } from '../../../src/die/prediction.js';
import { bytesOf, dieOf } from '../../support/dies.js';
import { expectProblem, post, SECURITY_HEADER_NAMES, send } from '../../support/http.js';
import { sumVersion } from '../../support/models.js';
import { appForSuite } from '../../support/start-app.js';

const parameters = [
  { name: 'vth_n', unit: 'V', expected: 0.4 },
  { name: 'idd', unit: 'A', expected: 0.1, testNumber: 1030, lowLimit: -1, highLimit: 1 },
  { name: 'leak' },
];
const server = appForSuite(() => ({
  versions: [
    sumVersion(512),
    sumVersion(512, { version: '2', threshold: 0.1 }),
    sumVersion(3, { name: 'small', input: { name: 'test_params', parameters } }),
  ],
  serving: { defaultModel: 'sum', models: { sum: { default: '1' } } },
}));

const url = (path: string) => `${server().url}${path}`;
const json = JSON.stringify;
async function predict(path: string, die: unknown): Promise<Prediction> {
  const answer = await post(url(path), json(die));
  expect(answer.status, answer.body).toBe(200);
  return PredictionSchema.parse(JSON.parse(answer.body));
}
const small = (test_params: readonly number[]) => ({ die_id: 'small', test_params });

test('POST /predict answers one die with exactly the fields of the contract', async () => {
  const answer = await post(url('/predict'), json(dieOf()));
  expect(answer.status).toBe(200);
  expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8');
  const body = PredictionSchema.parse(JSON.parse(answer.body));
  expect(Object.keys(body)).toEqual([
    'die_id',
    'prediction',
    'confidence',
    'anomaly_score',
    'inference_time_ms',
    'timestamp',
    'model_name',
    'model_version',
  ]);
  expect(body).toMatchObject({
    die_id: 'wafer123_die456',
    prediction: 'pass',
    model_name: 'sum',
    model_version: '1',
  });
  expect(body.anomaly_score).toBeCloseTo(0.512, 5);
  expect(body.confidence).toBeGreaterThan(0.5);
  expect(body.inference_time_ms).toBeGreaterThan(0);
  expect(new Date(body.timestamp).toISOString()).toBe(body.timestamp);
});

test('a die above the threshold fails, one at it passes', async () => {
  expect((await predict('/models/small/predict', small([1, 0, 0]))).prediction).toBe('pass');
  expect((await predict('/models/small/predict', small([1.0001, 0, 0]))).prediction).toBe('fail');
});

test('every optional field of a die is accepted, and null as if it were not sent', async () => {
  const context = { lot_id: 'L1', wafer_id: 'W1', x: -3, y: 7, equipment_id: 'T7', stdf_file: 'a.stdf' };
  await predict('/predict', dieOf(context));
  await predict('/predict', dieOf(Object.fromEntries(Object.keys(context).map((key) => [key, null]))));
});

describe('POST /predict/batch', () => {
  test('answers in the order sent, with their count', async () => {
    const dies = Array.from({ length: 100 }, (_, i) => ({ die_id: `die ${i}`, test_params: [i, 0, 0] }));
    const answer = await post(url('/models/small/predict/batch'), json(dies));
    const { predictions, count } = PredictionsSchema.strict().parse(JSON.parse(answer.body));
    expect(count).toBe(100);
    expect(predictions.map(({ die_id, anomaly_score }) => [die_id, anomaly_score])).toEqual(
      dies.map(({ die_id, test_params }) => [die_id, test_params[0]]),
    );
  });

  test('a die has the same score to the last bit alone and in a batch', async () => {
    const dies = Array.from({ length: 70 }, (_, i) => ({
      die_id: String(i),
      test_params: Array.from({ length: 512 }, (_, p) => Math.sin(i * 512 + p)),
    }));
    const batch = await post(url('/predict/batch'), json(dies));
    const together = PredictionsSchema.parse(JSON.parse(batch.body)).predictions;
    for (const [i, die] of dies.entries()) {
      expect((await predict('/predict', die)).anomaly_score).toBe(together[i]?.anomaly_score);
    }
  });

  test('the same die twice in a call gets two answers', async () => {
    const answer = await post(url('/predict/batch'), json([dieOf(), dieOf()]));
    expect(PredictionsSchema.parse(JSON.parse(answer.body)).count).toBe(2);
  });
});

describe('a model and a version can be named in the path', () => {
  test.each([
    ['/predict', '1'],
    ['/models/sum/predict', '1'],
    ['/models/sum/versions/1/predict', '1'],
    ['/models/sum/versions/2/predict', '2'],
    ['/models/sum/versions/2/predict/', '2'],
  ])('%s is answered by version %s', async (path, version) => {
    expect(await predict(path, dieOf())).toMatchObject({ model_name: 'sum', model_version: version });
    if (path.endsWith('/')) return;
    const batch = await post(url(`${path}/batch`), json([dieOf()]));
    expect(PredictionsSchema.parse(JSON.parse(batch.body)).predictions[0]?.model_version).toBe(version);
  });

  test.each([
    ['/models/none/predict', 'model_not_found'],
    ['/models/none/versions/1/predict', 'model_not_found'],
    ['/models/sum/versions/3/predict', 'version_not_found'],
    ['/models/sum/versions/01/predict', 'version_not_found'],
    ['/models/SUM/predict', 'model_not_found'],
    ['/models/..%2f..%2fetc/predict', 'model_not_found'],
    ['/models/__proto__/predict', 'model_not_found'],
    ['/models/constructor/versions/__proto__/predict', 'model_not_found'],
  ] as const)('%s is refused with 404', async (path, code) => {
    expectProblem(await post(url(path), json(dieOf())), code);
  });
});

describe('?explain=k', () => {
  test('adds the k test parameters that contributed most, largest first', async () => {
    const { explanation } = await predict('/models/small/predict?explain=2', small([0.5, -1.5, 0]));
    expect(explanation).toEqual([
      {
        index: 1,
        name: 'idd',
        value: -1.5,
        expected: 0.1,
        test_number: 1030,
        unit: 'A',
        low_limit: -1,
        high_limit: 1,
        share: 0.75,
      },
      { index: 0, name: 'vth_n', value: 0.5, expected: 0.4, unit: 'V', share: 0.25 },
    ]);
  });

  test('more than there are gives all of them; 0 gives none', async () => {
    const all = await predict('/models/small/predict?explain=512', small([1, 2, 3]));
    expect(all.explanation?.map(({ index }) => index)).toEqual([2, 1, 0]);
    expect(all.explanation?.[0]?.expected).toBeNull();
    expect(await predict('/models/small/predict?explain=0', small([1, 2, 3]))).not.toHaveProperty(
      'explanation',
    );
  });

  test('explains each die of a batch by its own contributions', async () => {
    const dies = [small([1, 0, 0]), small([0, 2, 0]), small([0, 0, 3])];
    const answer = await post(url('/models/small/predict/batch?explain=1'), json(dies));
    const { predictions } = PredictionsSchema.parse(JSON.parse(answer.body));
    expect(predictions.map(({ explanation }) => explanation?.[0]?.index)).toEqual([0, 1, 2]);
  });

  test('a score of 0 is explained by shares of 0', async () => {
    const { explanation } = await predict('/models/small/predict?explain=1', small([0, 0, 0]));
    expect(explanation?.[0]).toMatchObject({ index: 0, share: 0 });
  });

  test.each(['-1', '65537', '1.5', 'all', 'NaN', '1e99', '1&explain=2'])(
    'explain=%s is refused with 422',
    async (k) => {
      const problem = expectProblem(await post(url(`/predict?explain=${k}`), json(dieOf())), 'invalid_input');
      expect(problem.errors?.[0]?.path).toBe('explain');
    },
  );
});

describe('application/octet-stream', () => {
  const binary = { 'content-type': 'application/octet-stream' };
  const rows = [0, 1, 2].map((row) =>
    Array.from({ length: 512 }, (_, p) => Math.fround(Math.cos(row * 512 + p))),
  );
  const asJson = rows.map((test_params, i) => ({ die_id: `d${i}`, test_params }));

  test('one die as float32 with its id in x-die-id: the same score to the last bit as in JSON', async () => {
    const answer = await post(url('/predict'), bytesOf(...rows.slice(0, 1)), { ...binary, 'x-die-id': 'd0' });
    const fromBinary = PredictionSchema.parse(JSON.parse(answer.body));
    const fromJson = await predict('/predict', asJson[0]);
    expect(fromBinary.die_id).toBe('d0');
    expect(fromBinary.anomaly_score).toBe(fromJson.anomaly_score);
  });

  test('many dies with their ids in x-die-ids: the same scores to the last bit as in JSON', async () => {
    const headers = { ...binary, 'x-die-ids': 'd0,d1,d2' };
    const fromBinary = await post(url('/predict/batch'), bytesOf(...rows), headers);
    const fromJson = await post(url('/predict/batch'), json(asJson));
    const scores = (body: string) =>
      PredictionsSchema.parse(JSON.parse(body)).predictions.map((p) => [p.die_id, p.anomaly_score]);
    expect(scores(fromBinary.body)).toEqual(scores(fromJson.body));
  });

  test('without x-die-ids the request id and the index make the ids', async () => {
    const headers = { ...binary, 'x-request-id': 'touchdown-9' };
    const answer = await post(url('/predict/batch'), bytesOf(...rows), headers);
    const ids = PredictionsSchema.parse(JSON.parse(answer.body)).predictions.map(({ die_id }) => die_id);
    expect(ids).toEqual(['touchdown-9-0', 'touchdown-9-1', 'touchdown-9-2']);
  });

  test('the ids of a whole batch of 1024 dies fit into the headers', async () => {
    const ids = Array.from({ length: 1024 }, (_, i) => `LOT4711_W03_die${String(i).padStart(5, '0')}`);
    const body = bytesOf(...Array<number[]>(1024).fill([1, 2, 3]));
    const answer = await post(url('/models/small/predict/batch'), body, {
      ...binary,
      'x-die-ids': ids.join(','),
    });
    const { predictions } = PredictionsSchema.parse(JSON.parse(answer.body));
    expect(predictions.map(({ die_id }) => die_id)).toEqual(ids);
  });
});

describe('request ids', () => {
  test('an answer names its request; two requests have two ids', async () => {
    const ids = [await send(url('/health')), await send(url('/health'))].map(({ headers }) =>
      headers.get('x-request-id'),
    );
    expect(ids[0]).toMatch(/^[0-9a-f]{12}-[0-9a-z]+$/);
    expect(ids[1]).not.toBe(ids[0]);
  });

  test.each([
    'tester-7/touchdown:42',
    'a'.repeat(128),
    '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
  ])("the caller's %s is taken over", async (id) => {
    const answer = await post(url('/predict'), json(dieOf()), { 'x-request-id': id });
    expect(answer.headers.get('x-request-id')).toBe(id);
  });

  test.each(['', 'a'.repeat(129), 'with space', '"quoted"', 'a\tb', 'é', '{"a":1}', 'a\\b', '$(reboot)'])(
    'an id that could do harm in a log or a header (%j) is replaced',
    async (id) => {
      const { headers } = await server().app.http.inject({ url: '/health', headers: { 'x-request-id': id } });
      expect(headers['x-request-id']).toMatch(/^[0-9a-f]{12}-[0-9a-z]+$/);
    },
  );
});

test.each(['/', '/health', '/ready', '/metrics', '/docs', '/openapi.json', '/models', '/nowhere', '/%zz'])(
  'the answer of %s carries the security headers and a request id',
  async (path) => {
    const { headers } = await send(url(path));
    for (const name of [...SECURITY_HEADER_NAMES, 'x-request-id'])
      expect(headers.get(name), name).not.toBeNull();
    expect(headers.get('x-powered-by')).toBeNull();
    expect(headers.get('server')).toBeNull();
  },
);
