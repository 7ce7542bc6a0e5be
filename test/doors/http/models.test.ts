import { describe, expect, test } from 'vitest';
import {
  ModelSummarySchema,
  ModelsSchema,
  VersionDetailSchema,
} from '../../../src/doors/http/schemas/models.js';
import { HealthSchema, ReadySchema } from '../../../src/doors/http/schemas/status.js';
import { expectProblem, send } from '../../support/http.js';
import { sumVersion } from '../../support/models.js';
import { appForSuite } from '../../support/start-app.js';

const parameters = [
  { name: 'vth', unit: 'V', testNumber: 1001, lowLimit: 0.3, highLimit: 0.5, expected: 0.4 },
  { name: 'leak' },
];
const server = appForSuite(() => ({
  versions: [
    sumVersion(4),
    sumVersion(4, { version: '2' }),
    sumVersion(4, { version: '10', description: 'the newest' }),
    sumVersion(2, { name: 'named', input: { name: 'test_params', parameters }, threshold: 2.5 }),
  ],
}));
const read = async (path: string): Promise<unknown> => JSON.parse((await send(server().url + path)).body);

const NO_BASE_RATE = { trained_at: null, in_force: null };

describe('GET /models', () => {
  test('lists every model with its versions by number; the highest is the default', async () => {
    const { default_model, models } = ModelsSchema.strict().parse(await read('/models'));
    expect(default_model).toBe('sum');
    expect(models.map(({ name }) => name)).toEqual(['named', 'sum']);
    expect(models[1]?.versions).toEqual([
      { version: '1', state: 'ready', is_default: false, base_rate: NO_BASE_RATE },
      { version: '2', state: 'ready', is_default: false, base_rate: NO_BASE_RATE },
      { version: '10', state: 'ready', is_default: true, base_rate: NO_BASE_RATE },
    ]);
  });

  test('one model', async () => {
    const model = ModelSummarySchema.strict().parse(await read('/models/sum'));
    expect(model).toMatchObject({ name: 'sum', default_version: '10', description: 'the newest' });
  });

  test('one version: contract, threshold, lineage, metrics and what its load showed', async () => {
    const version = VersionDetailSchema.strict().parse(await read('/models/named/versions/1'));
    expect(version).toMatchObject({
      name: 'named',
      version: '1',
      state: 'ready',
      batch_policy: { kind: 'any' },
      threshold: 2.5,
      contract: { parameter_count: 2, missing: 'reject', input: 'test_params', parameters },
      lineage: { data: 'made for a test', rows: 0 },
      batching: { maxBatchSize: 64, defaultDeadlineMs: 1000 },
    });
    expect(version.sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(new Date(version.loaded_at ?? '').getTime()).not.toBeNaN();
  });

  test('an example die of a version is at its expected values', async () => {
    expect(await read('/models/named/example')).toMatchObject({ test_params: [0.4, 0] });
  });

  test.each([
    ['/models/none', 'model_not_found'],
    ['/models/none/versions/1', 'model_not_found'],
    ['/models/none/example', 'model_not_found'],
    ['/models/sum/versions/3', 'version_not_found'],
    ['/models/sum/versions/..%2f1', 'version_not_found'],
    ['/models/sum/versions', 'not_found'],
    ['/models/__proto__', 'model_not_found'],
    ['/models/%00', 'model_not_found'],
  ] as const)('%s is refused with 404', async (path, code) => {
    expectProblem(await send(server().url + path), code);
  });
});

test('GET /health says that the process lives and counts what it has served', async () => {
  const before = HealthSchema.strict().parse(await read('/health'));
  await send(`${server().url}/models`);
  const after = HealthSchema.strict().parse(await read('/health'));
  expect(after).toMatchObject({ status: 'ok', model_loaded: true });
  expect(after.requests_served).toBe(before.requests_served + 2);
  expect(after.uptime_seconds).toBeGreaterThanOrEqual(before.uptime_seconds);
});

test('GET /ready is 200 when every version is loaded and warm', async () => {
  const answer = await send(`${server().url}/ready`);
  expect(answer.status).toBe(200);
  expect(ReadySchema.strict().parse(JSON.parse(answer.body))).toEqual({
    status: 'ready',
    missing: [],
    failed: [],
  });
});
