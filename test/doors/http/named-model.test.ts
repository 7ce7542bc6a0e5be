import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { PredictionSchema, PredictionsSchema } from '../../../src/die/prediction.js';
import { bytesOf, dieOf } from '../../support/dies.js';
import { expectProblem, post } from '../../support/http.js';
import { scaledVersion, sumVersion } from '../../support/models.js';
import { appForSuite } from '../../support/start-app.js';

const server = appForSuite(() => ({
  versions: [
    scaledVersion('1'),
    scaledVersion('2'),
    scaledVersion('3', { name: 'other' }, 3),
    sumVersion(4, { name: 'wide' }),
  ],
  serving: {
    defaultModel: 'sum',
    models: { sum: { default: '1', split: { by: 'die_id', weights: { '1': 50, '2': 50 } } } },
  },
}));

const json = JSON.stringify;
const die = (changes: Readonly<Record<string, unknown>> = {}, parameters = 2) =>
  dieOf({ ...changes, test_params: Array(parameters).fill(1) }, parameters);
const send = (path: string, body: unknown, headers = {}) => post(server().url + path, json(body), headers);
/** Known to the direct way, and not. */
const WAYS = [{}, { 'x-other': '1' }];

async function answered(path: string, body: unknown, headers = {}): Promise<string> {
  const answer = await send(path, body, headers);
  expect(answer.status, answer.body).toBe(200);
  const { model_name, model_version } = PredictionSchema.parse(JSON.parse(answer.body));
  return `${model_name}/${model_version}`;
}

describe.each(WAYS)('a die that names its model is answered by it, and by no other (%j)', (headers) => {
  test.each([
    ['/predict', { model_name: 'other' }, 2, 'other/3'],
    ['/predict', { model_name: 'other', model_version: '3' }, 2, 'other/3'],
    ['/predict', { model_version: '2' }, 2, 'sum/2'],
    ['/predict', { model_version: '1', die_id: 'a' }, 2, 'sum/1'],
    ['/predict', { model_name: null, model_version: null, model: 'x' }, 2, undefined],
    ['/predict', { model_name: 'wide' }, 4, 'wide/1'],
    ['/models/sum/predict', { model_version: '2' }, 2, 'sum/2'],
    ['/models/sum/predict', { model_name: 'sum', model_version: '2' }, 2, 'sum/2'],
    ['/models/sum/versions/2/predict', { model_name: 'sum', model_version: '2' }, 2, 'sum/2'],
    ['/models/wide/predict', { model_name: 'wide' }, 4, 'wide/1'],
  ] as const)('%s with %j', async (path, named, parameters, expected) => {
    const by = await answered(path, die(named, parameters), headers);
    if (expected === undefined) expect(by).toMatch(/^sum\//);
    else expect(by).toBe(expected);
  });

  test('whatever the split would give it', async () => {
    for (let i = 0; i < 8; i++)
      for (const model_version of ['1', '2'])
        expect(await answered('/predict', die({ die_id: `d${i}`, model_version }), headers)).toBe(
          `sum/${model_version}`,
        );
  });

  test.each([
    ['/models/sum/predict', { model_name: 'other' }, 'invalid_input', 'model_name'],
    ['/models/sum/versions/1/predict', { model_version: '2' }, 'invalid_input', 'model_version'],
    ['/models/wide/predict', { model_name: 'sum' }, 'invalid_input', 'model_name'],
    ['/predict', { model_name: 7 }, 'invalid_input', 'model_name'],
    ['/predict', { model_name: '' }, 'invalid_input', 'model_name'],
    ['/predict', { model_name: 'nope' }, 'model_not_found', undefined],
    ['/predict', { model_version: '9' }, 'version_not_found', undefined],
    ['/predict', { model_name: 'wide' }, 'invalid_input', 'test_params'],
  ] as const)('%s with %j is refused', async (path, named, code, where) => {
    const problem = expectProblem(await send(path, die(named), headers), code);
    if (where !== undefined) expect(problem.errors?.[0]?.path).toBe(where);
  });

  test('also in a batch, whose dies all name the same', async () => {
    const batch = [die({ model_name: 'other' }), die({ model_name: 'other' })];
    const answer = await send('/predict/batch', batch, headers);
    const { predictions } = PredictionsSchema.parse(JSON.parse(answer.body));
    expect(predictions.map(({ model_name }) => model_name)).toEqual(['other', 'other']);
    const wide = await send('/predict/batch', [die({ model_name: 'wide' }, 4)], headers);
    expect(wide.status).toBe(200);
    const mixed = await send('/predict/batch', [...batch, die()], headers);
    expect(expectProblem(mixed, 'invalid_input').errors?.[0]?.path).toBe('[2].model_name');
    const versions = await send(
      '/predict/batch',
      [die({ model_version: '1' }), die({ model_version: '2' })],
      headers,
    );
    expect(expectProblem(versions, 'invalid_input').errors?.[0]?.path).toBe('[1].model_version');
  });

  test('a key that is written with escapes names it as well', async () => {
    const text = json(die({ model_name: 'other' })).replace('model_name', '\\u006dodel_name');
    const answer = await post(`${server().url}/predict`, text, headers);
    expect(PredictionSchema.parse(JSON.parse(answer.body)).model_name).toBe('other');
  });
});

describe('?models= asks several models that read the same parameters', () => {
  const ListSchema = z.object({ predictions: z.array(PredictionSchema), count: z.int() });
  const by = (body: string) =>
    ListSchema.parse(JSON.parse(body)).predictions.map(
      ({ model_name, model_version, anomaly_score }) => `${model_name}/${model_version} ${anomaly_score}`,
    );

  test('one die, one answer by each, in the order asked', async () => {
    const answer = await send('/predict?models=other,sum/2,sum/1', die());
    expect(by(answer.body)).toEqual(['other/3 6', 'sum/2 4', 'sum/1 2']);
    expect((await post(`${server().url}/predict?models=other`, json(die()))).body).toContain('"count":1');
  });

  test('a batch, die by die; and float32', async () => {
    const answer = await send('/predict/batch?models=other,sum/2', [die(), die({ die_id: 'b' })]);
    expect(by(answer.body)).toEqual(['other/3 6', 'sum/2 4', 'other/3 6', 'sum/2 4']);
    const raw = await post(`${server().url}/predict?models=sum/2,other`, bytesOf([1, 1]), {
      'content-type': 'application/octet-stream',
      'x-die-id': 'd',
    });
    expect(by(raw.body)).toEqual(['sum/2 4', 'other/3 6']);
  });

  test.each([
    ['/predict?models=sum,wide', 'invalid_input'],
    ['/predict?models=sum,nope', 'model_not_found'],
    ['/predict?models=sum,sum', 'invalid_input'],
    ['/predict?models=', 'invalid_input'],
    ['/predict?models=sum,', 'invalid_input'],
    ['/predict?models=sum/1/2', 'invalid_input'],
    [`/predict?models=${Array.from({ length: 17 }, (_, i) => `m${i}`).join()}`, 'invalid_input'],
    [`/predict?models=${'a'.repeat(5000)}`, 'invalid_input'],
    ['/models/sum/predict?models=other', 'invalid_input'],
  ] as const)('%s is refused', async (path, code) => {
    expectProblem(await send(path, die()), code);
  });

  test('a die that names another one is refused', async () => {
    expectProblem(await send('/predict?models=sum,other', die({ model_name: 'wide' })), 'invalid_input');
  });
});
