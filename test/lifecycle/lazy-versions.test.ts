import { describe, expect, test } from 'vitest';
import { evictionsFor } from '../../src/lifecycle/lazy-versions.js';
import { expectProblem, post, send } from '../support/http.js';
import { manifestOf, scaledVersion, slowModel } from '../support/models.js';
import { type StartedApp, startApp } from '../support/start-app.js';

describe('who leaves for a version that needs room', () => {
  const resident = (key: string, bytes: number, lastUsedMs: number) => ({ key, bytes, lastUsedMs });
  const residents = [resident('a', 10, 3), resident('b', 10, 1), resident('c', 10, 2)];

  test.each<[number, number, string[]]>([
    [10, 40, []],
    [10, 39, ['b']],
    [15, 30, ['b', 'c']],
    [30, 30, ['b', 'c', 'a']],
    [99, 30, ['b', 'c', 'a']],
  ])(
    '%i bytes of a budget of %i: %j, least recently used first and no more than needed',
    (bytes, budget, leaving) => {
      expect(evictionsFor(bytes, residents, budget)).toEqual(leaving);
    },
  );
});

const DIE = JSON.stringify({ die_id: 'd', test_params: [3, 4] });
const NAMES = ['one', 'two', 'three'];
const LAZY = Object.fromEntries(NAMES.map((name) => [name, { lazy: true }]));

const rare = (name: string) => scaledVersion('1', { name });

const startLazy = (
  environment: Record<string, string> = {},
  serving: unknown = { defaultModel: 'one', models: LAZY },
) => startApp({ versions: NAMES.map(rare), serving, environment });

const predict = ({ url }: StartedApp, model: string) => post(`${url}/models/${model}/predict`, DIE);
const stateOf = ({ app }: StartedApp, key: string) => app.catalogue.entry(key)?.state;

describe('a lazy model', () => {
  test('is ready without being loaded; its first call is told to come back, and then it answers', async () => {
    const server = await startLazy();
    expect((await send(`${server.url}/ready`)).status).toBe(200);
    expect(NAMES.map((name) => stateOf(server, `${name}/1`))).toEqual(['unloaded', 'unloaded', 'unloaded']);
    const refused = await predict(server, 'two');
    expectProblem(refused, 'model_not_ready');
    expect(refused.headers.get('retry-after')).toBe('1');
    await expect.poll(() => stateOf(server, 'two/1')).toBe('ready');
    expect((await predict(server, 'two')).status).toBe(200);
    expect(stateOf(server, 'one/1')).toBe('unloaded');
  });

  test('or its first calls wait, and share one load', async () => {
    const server = await startLazy({ LAZY_WAIT_MS: '20000' });
    const answers = await Promise.all(Array.from({ length: 8 }, () => predict(server, 'two')));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    const { body } = await send(`${server.url}/metrics`);
    expect(body).toMatch(/model_info\{model_name="two"/);
  });

  test('that cannot be loaded is refused with its reason, by one who waits and by the next', async () => {
    const onnx = rare('two').onnx.subarray(0, 50);
    const manifest = manifestOf(onnx, 2, { name: 'two' });
    const server = await startApp({
      versions: [rare('one'), { onnx, manifest }],
      serving: { defaultModel: 'one', models: { two: { lazy: true } } },
      environment: { LAZY_WAIT_MS: '20000' },
    });
    for (let i = 0; i < 2; i++) {
      const { detail } = expectProblem(await predict(server, 'two'), 'model_not_ready');
      expect(detail).toMatch(/^two\/1 cannot be loaded: model two\/1: model.onnx is no ONNX model: /);
    }
    expect((await predict(server, 'one')).status).toBe(200);
  });

  test('with a fallback is answered for until it is loaded', async () => {
    const two = scaledVersion('1', { name: 'two', fallback: { by: 'version', model: 'one', version: '1' } });
    const server = await startApp({
      versions: [rare('one'), two],
      serving: { defaultModel: 'one', models: { two: { lazy: true } } },
    });
    expect(JSON.parse((await predict(server, 'two')).body)).toMatchObject({
      model_name: 'one',
      fallback: true,
    });
    await expect.poll(() => stateOf(server, 'two/1')).toBe('ready');
    expect(JSON.parse((await predict(server, 'two')).body)).toMatchObject({ model_name: 'two' });
  });

  test('brings the versions that share its traffic with it', async () => {
    const versions = [scaledVersion('1'), scaledVersion('2'), scaledVersion('3')];
    const sum = { lazy: true, default: '1', split: { weights: { '1': 50, '2': 50 } } };
    const server = await startApp({
      versions,
      serving: { defaultModel: 'sum', models: { sum } },
      environment: { LAZY_WAIT_MS: '20000' },
    });
    expect((await predict(server, 'sum')).status).toBe(200);
    await expect.poll(() => stateOf(server, 'sum/2')).toBe('ready');
    expect(stateOf(server, 'sum/3')).toBe('unloaded');
  });
});

describe('the memory that lazy models may hold', () => {
  // 0.8 MB each: the least budget, 1 MB, holds one of them.
  const onnx = slowModel(450, 1);
  const large = (name: string) => ({
    onnx,
    manifest: manifestOf(onnx, 450, { name, batching: { maxBatchSize: 1 } }),
  });
  const die = JSON.stringify({ die_id: 'd', test_params: Array.from({ length: 450 }, () => 0.001) });

  test('is kept: the least recently used leaves for the next, and comes back when it is used', async () => {
    const server = await startApp({
      versions: NAMES.map(large),
      serving: { defaultModel: 'one', models: LAZY },
      environment: { LAZY_WAIT_MS: '20000', LAZY_MEMORY_MB: '1' },
    });
    const states = () => NAMES.map((name) => stateOf(server, `${name}/1`));
    for (const name of ['one', 'two', 'three', 'one']) {
      expect((await post(`${server.url}/models/${name}/predict`, die)).status).toBe(200);
      expect(states()).toEqual(NAMES.map((other) => (other === name ? 'ready' : 'unloaded')));
    }
  });

  test('holds also when two are asked for at once', async () => {
    const server = await startApp({
      versions: NAMES.map(large),
      serving: { defaultModel: 'one', models: LAZY },
      environment: { LAZY_MEMORY_MB: '1' },
    });
    await Promise.all(NAMES.map((name) => post(`${server.url}/models/${name}/predict`, die)));
    await expect.poll(() => stateOf(server, 'three/1')).toBe('ready');
    expect(NAMES.filter((name) => stateOf(server, `${name}/1`) === 'ready')).toEqual(['three']);
  });
});
