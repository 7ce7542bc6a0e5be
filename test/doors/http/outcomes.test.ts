import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { OutcomesCountedSchema } from '../../../src/doors/http/schemas/outcomes.js';
import { expectProblem, post, send } from '../../support/http.js';
import { parseMetrics } from '../../support/metrics.js';
import { sumVersion, temporaryFolder } from '../../support/models.js';
import { appForSuite, startApp } from '../../support/start-app.js';

const server = appForSuite(() => ({
  versions: [sumVersion(4)],
  environment: { MAX_BODY_BYTES: '16777216' },
}));

const outcome = (changes: Readonly<Record<string, unknown>> = {}) => ({
  die_id: 'wafer123_die456',
  model_version: '1',
  prediction: 'pass',
  actual: 'pass',
  ...changes,
});

const report = (body: unknown, model = 'sum') =>
  post(`${server().url}/models/${model}/outcomes`, JSON.stringify(body));

/** The four counts of a version, as `pass pass: 3`. */
async function counts(url: string): Promise<Record<string, number>> {
  const family = parseMetrics((await send(`${url}/metrics`)).body).get('prediction_outcomes_total');
  return Object.fromEntries(
    (family?.samples ?? []).map(({ labels, value }) => [`${labels.prediction} ${labels.actual}`, value]),
  );
}

describe('POST /models/{model}/outcomes', () => {
  test('counts by what was predicted and what came true, and answers what it counted', async () => {
    const { url } = await startApp({ versions: [sumVersion(4)] });
    const none = { 'pass pass': 0, 'pass fail': 0, 'fail pass': 0, 'fail fail': 0 };
    expect(await counts(url), 'there before the first outcome').toEqual(none);
    const answer = await post(
      `${url}/models/sum/outcomes`,
      JSON.stringify([
        outcome({ die_id: 'a' }),
        outcome({ die_id: 'b' }),
        outcome({ die_id: 'c', actual: 'fail' }),
        outcome({ die_id: 'd', prediction: 'fail' }),
      ]),
    );
    expect(answer.status).toBe(200);
    expect(OutcomesCountedSchema.strict().parse(JSON.parse(answer.body))).toEqual({
      model_name: 'sum',
      received: 4,
      counted: 4,
      correct: 2,
      repeated: 0,
      unknown_version: 0,
    });
    expect(await counts(url)).toEqual({ ...none, 'pass pass': 2, 'pass fail': 1, 'fail pass': 1 });
  });

  test('counts a die once in a call, and never a version that is not loaded', async () => {
    const before = await counts(server().url);
    const answer = await report([
      outcome({ die_id: 'a' }),
      outcome({ die_id: 'a', actual: 'fail' }),
      outcome({ die_id: 'b', model_version: 'SECRET' }),
    ]);
    expect(JSON.parse(answer.body)).toMatchObject({
      received: 3,
      counted: 1,
      repeated: 1,
      unknown_version: 1,
    });
    expect(await counts(server().url)).toEqual({ ...before, 'pass pass': (before['pass pass'] ?? 0) + 1 });
    expect((await send(`${server().url}/metrics`)).body).not.toContain('SECRET');
  });

  test('a wrong outcome refuses the whole call and says which one', async () => {
    const before = await counts(server().url);
    const problem = expectProblem(
      await report([outcome(), outcome({ actual: 'maybe' }), { die_id: '' }]),
      'invalid_input',
    );
    expect(problem.errors?.map(({ path }) => path)).toEqual([
      '[1].actual',
      '[2].die_id',
      '[2].model_version',
      '[2].prediction',
      '[2].actual',
    ]);
    expect(problem.detail).toContain('[1].actual: expected "pass" or "fail", found the string "maybe"');
    expect(await counts(server().url)).toEqual(before);
  });

  test.each([
    ['an object', outcome(), 'invalid_input'],
    ['an empty array', [], 'invalid_input'],
    ['a number among them', [1], 'invalid_input'],
    ['one too many', Array.from({ length: 10_001 }, () => 0), 'batch_too_large'],
    ['more bytes than so many outcomes need', 'x'.repeat(4_000_001), 'body_too_large'],
  ] as const)('refuses %s', async (_, body, code) => {
    expectProblem(await report(body), code);
  });

  test('takes 10,000 in one call, and of 10,000 wrong ones lists 20', async () => {
    const many = Array.from({ length: 10_000 }, (_, i) => outcome({ die_id: `die${i}` }));
    expect(JSON.parse((await report(many)).body)).toMatchObject({ counted: 10_000, correct: 10_000 });
    const problem = expectProblem(await report(many.map(() => ({}))), 'invalid_input');
    expect(problem.errors).toHaveLength(20);
  });

  test('refuses what is not JSON, another media type and an unknown model', async () => {
    const url = `${server().url}/models/sum/outcomes`;
    expectProblem(await post(url, '[{'), 'invalid_json');
    expectProblem(
      await post(url, '1234', { 'content-type': 'application/octet-stream' }),
      'unsupported_media_type',
    );
    expectProblem(await report([outcome()], 'nobody'), 'model_not_found');
  });

  test('asks for a key that may predict, where keys are asked for', async () => {
    const file = join(await temporaryFolder(), 'keys.json');
    const keyOf = (id: string, permission: string) => ({
      id,
      sha256: createHash('sha256').update(id).digest('hex'),
      permissions: [permission],
    });
    await writeFile(
      file,
      JSON.stringify({ keys: [keyOf('final-test', 'predict'), keyOf('viewer', 'read')] }),
    );
    const { url } = await startApp({ versions: [sumVersion(4)], environment: { API_KEYS_FILE: file } });
    const with_ = (key: string) =>
      post(`${url}/models/sum/outcomes`, JSON.stringify([outcome()]), { 'x-api-key': key });
    expectProblem(await with_('nobody'), 'unauthorized');
    expectProblem(await with_('viewer'), 'forbidden');
    expect((await with_('final-test')).status).toBe(200);
  });
});
