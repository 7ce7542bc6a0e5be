import { describe, expect, test } from 'vitest';
import { PredictionSchema, PredictionsSchema } from '../../../src/die/prediction.js';
import { expectProblem, post } from '../../support/http.js';
import { sumVersion } from '../../support/models.js';
import { appForSuite } from '../../support/start-app.js';

const parameters = [
  { name: 'vdd', testNumber: 1001, minimum: 0 },
  { name: 'idd', testNumber: 1002 },
  { name: '1001', testNumber: 7 },
];
const named = (missing: 'reject' | 'impute') =>
  sumVersion(parameters.length, {
    name: missing,
    threshold: 1000,
    input: { name: 'test_params', parameters, missing },
  });
const server = appForSuite(() => ({
  versions: [named('reject'), sumVersion(4, { name: 'counted' }), named('impute')],
}));

const ask = (model: string, test_params: unknown, path = 'predict') =>
  post(
    `${server().url}/models/${model}/${path}`,
    JSON.stringify(path === 'predict' ? { die_id: 'd', test_params } : [{ die_id: 'd', test_params }]),
  );

describe('test_params by key', () => {
  test('may be an object by name or test number, in any order, and gives what the array gives', async () => {
    const score = async (given: unknown) => {
      const answer = await ask('reject', given);
      expect(answer.status, answer.body).toBe(200);
      return PredictionSchema.parse(JSON.parse(answer.body)).anomaly_score;
    };
    const expected = await score([1, 2, 4]);
    expect(await score({ idd: 2, vdd: 1, '1001': 4 })).toBe(expected);
    // A name counts before another's test number.
    expect(await score({ '1002': 2, vdd: 1, '7': 4 })).toBe(expected);
    const batch = await ask('reject', { idd: 2, vdd: 1, '1001': 4 }, 'predict/batch');
    expect(PredictionsSchema.parse(JSON.parse(batch.body)).predictions[0]?.anomaly_score).toBe(expected);
  });

  test.each([
    [{ vdd: 1, idd: 2 }, 'test_params.1001', 'expected a number, found nothing'],
    [{ vdd: 1, idd: 2, 7: 1, ghost: 1 }, 'test_params.ghost', 'found the string "ghost"'],
    [{ vdd: 1, idd: 'x', 7: 1 }, 'test_params.idd', 'expected a number, found the string "x"'],
    [{ vdd: 1, idd: 2, 1002: 2, 7: 1 }, 'test_params.idd', 'found it as "1002" too'],
    [{ vdd: -1, idd: 2, 7: 1 }, 'test_params[0]', 'vdd: expected at least 0'],
  ])('%j is refused at %s', async (given, path, message) => {
    const fault = expectProblem(await ask('reject', given), 'invalid_input').errors?.[0];
    expect(fault?.path).toBe(path);
    expect(fault?.message).toContain(message);
    const inBatch = expectProblem(await ask('reject', given, 'predict/batch'), 'invalid_input').errors?.[0];
    expect(inBatch?.path).toBe(`[0].${path}`);
  });

  test('a parameter without a key is a missing value where the model takes one', async () => {
    // Read, and then beyond the sum model, which imputes nothing.
    expectProblem(await ask('impute', { vdd: 1 }), 'unscorable_die');
    expectProblem(await ask('impute', { vdd: 1, vddd: 1 }), 'invalid_input');
  });

  test('is refused by a model that only counts its parameters', async () => {
    const { errors } = expectProblem(await ask('counted', { a: 1 }), 'invalid_input');
    expect(errors?.[0]?.message).toBe('expected an array of 4 numbers, found an object');
  });
});
