import { describe, expect, test } from 'vitest';
import { PredictionSchema, PredictionsSchema } from '../../../src/die/prediction.js';
import { VersionDetailSchema } from '../../../src/doors/http/schemas/models.js';
import { bytesOf } from '../../support/dies.js';
import { expectProblem, post, send } from '../../support/http.js';
import { softmaxVersion, yieldVersion } from '../../support/models.js';
import { appForSuite } from '../../support/start-app.js';

const server = appForSuite(() => ({ versions: [softmaxVersion(), yieldVersion()] }));
const die = (test_params: readonly number[]) => JSON.stringify({ die_id: 'd', test_params });
const predict = async (model: string, test_params: readonly number[]) => {
  const answer = await post(`${server().url}/models/${model}/predict`, die(test_params));
  expect(answer.status, answer.body).toBe(200);
  return PredictionSchema.strict().parse(JSON.parse(answer.body));
};

describe('a classification', () => {
  test('answers the most probable label and all probabilities; labels that pass, pass', async () => {
    const good = await predict('kinds', [4, 1, 0]);
    expect(good).toMatchObject({ prediction: 'pass', label: 'good' });
    const { probabilities = {} } = good;
    expect(Object.keys(probabilities)).toEqual(['good', 'marginal', 'scratch']);
    expect(Object.values(probabilities).reduce((a, b) => a + b)).toBeCloseTo(1, 5);
    expect(good.anomaly_score).toBe(probabilities.scratch);
    expect(good.confidence).toBeCloseTo(1 - (probabilities.scratch ?? 0), 5);

    expect(await predict('kinds', [0, 5, 0])).toMatchObject({ prediction: 'pass', label: 'marginal' });
    expect(await predict('kinds', [0, 1, 6])).toMatchObject({ prediction: 'fail', label: 'scratch' });
  });

  test('in a batch every die has its own label', async () => {
    const dies = [
      [9, 0, 0],
      [0, 0, 9],
      [0, 9, 0],
    ].map((test_params, i) => ({ die_id: `d${i}`, test_params }));
    const answer = await post(`${server().url}/models/kinds/predict/batch`, JSON.stringify(dies));
    const { predictions } = PredictionsSchema.parse(JSON.parse(answer.body));
    expect(predictions.map(({ label }) => label)).toEqual(['good', 'scratch', 'marginal']);
  });
});

describe('a regression', () => {
  test('answers its value with its unit; a value beyond a limit fails', async () => {
    const good = await predict('yield', [1.25, 90]);
    expect(good).toMatchObject({ prediction: 'pass', value: 91.25, unit: '%' });
    expect(good.confidence).toBeGreaterThan(0.99);
    expect(await predict('yield', [1.25, 70])).toMatchObject({ prediction: 'fail', value: 71.25 });
    expect((await predict('yield', [1, 79])).anomaly_score).toBeCloseTo(0.5, 5);
  });

  test('carries its further outputs: a number, or a list; null for what is not finite', async () => {
    const { outputs } = await predict('yield', [1.25, -90]);
    expect(outputs).toEqual({ total: -88.75, logs: [Math.fround(Math.log(1.25)), null] });
  });

  test('says in its metadata what it predicts and what its parameters may be', async () => {
    const { body } = await send(`${server().url}/models/yield/versions/1`);
    expect(VersionDetailSchema.strict().parse(JSON.parse(body))).toMatchObject({
      task: 'regression',
      target: { name: 'yield', unit: '%', lowLimit: 80, standardError: 2 },
      contract: { parameters: [{ name: 'vdd', unit: 'V', minimum: 1, maximum: 1.5 }, { name: 'temp' }] },
    });
  });
});

describe('a voltage outside of 1.0 to 1.5 V is refused with its name, unit, range and value', () => {
  const binary = { 'content-type': 'application/octet-stream', 'x-die-id': 'd' };
  const message = 'vdd: expected 1 to 1.5 V, found 1.6';

  test('as JSON', async () => {
    const problem = expectProblem(
      await post(`${server().url}/models/yield/predict`, die([1.6, 85])),
      'invalid_input',
    );
    expect(problem.errors).toEqual([{ path: 'test_params[0]', message }]);
  });

  test('in a batch, with the die’s index', async () => {
    const dies = [
      [1.2, 85],
      [1.6, 85],
    ].map((test_params, i) => ({ die_id: `d${i}`, test_params }));
    const answer = await post(`${server().url}/models/yield/predict/batch`, JSON.stringify(dies));
    expect(expectProblem(answer, 'invalid_input').errors).toEqual([{ path: '[1].test_params[0]', message }]);
  });

  test('as float32', async () => {
    const one = await post(`${server().url}/models/yield/predict`, bytesOf([1.6, 85]), binary);
    expect(expectProblem(one, 'invalid_input').errors).toEqual([{ path: 'test_params[0]', message }]);
    const many = await post(`${server().url}/models/yield/predict/batch`, bytesOf([1.5, 85], [1.6, 85]), {
      'content-type': 'application/octet-stream',
    });
    expect(expectProblem(many, 'invalid_input').errors).toEqual([{ path: '[1].test_params[0]', message }]);
  });

  test('the bounds themselves are inside', async () => {
    for (const vdd of [1, 1.5]) expect(await predict('yield', [vdd, 90])).toMatchObject({ value: vdd + 90 });
  });
});
