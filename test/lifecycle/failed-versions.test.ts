import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ModelsSchema } from '../../src/doors/http/schemas/models.js';
import { ReadySchema } from '../../src/doors/http/schemas/status.js';
import { expectProblem, post, send } from '../support/http.js';
import {
  fillRepository,
  futureModel,
  logModel,
  manifestOf,
  scaledVersion,
  sumModel,
  temporaryFolder,
  writeVersion,
} from '../support/models.js';
import { type StartedApp, startApp } from '../support/start-app.js';

const GOOD = scaledVersion('1');
const DIE = JSON.stringify({ die_id: 'd', test_params: [3, 4] });

type Files = { onnx: Uint8Array; manifest: unknown };
const of = (onnx: Uint8Array, changes: Record<string, unknown> = {}, parameters = 2): Files => ({
  onnx,
  manifest: { ...manifestOf(onnx, parameters, { name: 'sum', version: '2' }), ...changes },
});
const sum = sumModel(2);

async function started(bad: Files, serving?: unknown): Promise<StartedApp> {
  const repository = await temporaryFolder();
  await fillRepository(repository, [GOOD], serving);
  await writeVersion(join(repository, 'sum/2'), bad);
  return startApp({ repository });
}

const read = async <T>({ url }: StartedApp, path: string, parse: (body: unknown) => T) => {
  const { status, body } = await send(url + path);
  return { status, body: parse(JSON.parse(body)) };
};

/** What /ready and GET /models say of the version that has failed; the same, and in one line. */
async function reasonOf(server: StartedApp): Promise<string> {
  const ready = await read(server, '/ready', ReadySchema.parse);
  expect(ready).toMatchObject({ status: 200, body: { status: 'ready', missing: [] } });
  const { body } = await read(server, '/models', ModelsSchema.parse);
  const failed = body.models[0]?.versions.find(({ version }) => version === '2');
  expect(failed?.state).toBe('failed');
  expect(ready.body.failed).toEqual([failed?.reason]);
  expect(failed?.reason).not.toMatch(/\n/);
  expect(failed?.reason, 'no paths').not.toContain(server.repository);
  return failed?.reason ?? '';
}

describe('a version that cannot be used is named with its reason, and the others answer:', () => {
  test.each<[string, Files, RegExp]>([
    [
      'a value of the wrong type',
      of(sum, { threshold: 'high' }),
      /^model sum\/2: manifest.json: threshold: expected a number, found /,
    ],
    [
      'an unknown key',
      of(sum, { treshold: 1 }),
      /^model sum\/2: manifest.json: the whole: unknown key "treshold"$/,
    ],
    [
      'an unknown task',
      of(sum, { task: 'magic' }),
      /^model sum\/2: manifest.json: task: expected "anomaly-screen" or /,
    ],
    [
      'a wrong sha256',
      of(sum, { sha256: 'a'.repeat(64) }),
      /^model sum\/2: model.onnx has sha256 \w{64}, manifest.json says a{64}$/,
    ],
    [
      'a name that is a path',
      of(sum, { name: '../sum' }),
      /^model sum\/2: manifest.json: name: expected 1 to 64 letters/,
    ],
    [
      'the name of another folder',
      of(sum, { name: 'other' }),
      /^model sum\/2: manifest.json says name "other", its folder says "sum"$/,
    ],
    [
      'a fallback whose model is a path',
      of(sum, { fallback: { by: 'version', model: '../x', version: '1' } }),
      /fallback.model: expected 1 to 64 letters/,
    ],
    [
      'another number of parameters than the graph',
      of(sum, {}, 3),
      /^model sum\/2: input "test_params" has shape \[N, 2\] in the graph, the manifest expects \[N, 3\]$/,
    ],
    [
      'an output that the graph has not',
      of(sum, { outputs: { score: 'none' } }),
      /^model sum\/2: the manifest names output "none", the graph has "anomaly_score", "contributions"$/,
    ],
    ['a truncated model.onnx', of(sum.subarray(0, 60)), /^model sum\/2: model.onnx is no ONNX model: \S/],
    [
      'an empty model.onnx',
      of(new Uint8Array()),
      /^model sum\/2: model.onnx is empty, expected an ONNX model/,
    ],
    ['an operator set of the future', of(futureModel(2)), /^model sum\/2: model.onnx cannot be run: .*9999/],
    [
      'scores that are not finite',
      of(logModel(2)),
      /^model sum\/2: output "anomaly_score" is -Infinity for the expected measurement, expected finite numbers: /,
    ],
  ])('%s', async (_, bad, reason) => {
    const server = await started(bad);
    expect(await reasonOf(server)).toMatch(reason);
    expect((await post(`${server.url}/predict`, DIE)).status).toBe(200);
    const refused = expectProblem(
      await post(`${server.url}/models/sum/versions/2/predict`, DIE),
      'model_not_ready',
    );
    expect(refused.detail).toMatch(/^sum\/2 cannot be loaded: /);
  });

  test('the one that serving.json names: the model is refused by name and the server is not ready', async () => {
    const bad = of(sum, { sha256: 'a'.repeat(64) });
    const server = await started(bad, { defaultModel: 'sum', models: { sum: { default: '2' } } });
    const ready = await read(server, '/ready', ReadySchema.parse);
    expect(ready).toMatchObject({ status: 503, body: { status: 'not_ready', failed: [expect.any(String)] } });
    expectProblem(await post(`${server.url}/predict`, DIE), 'model_not_ready');
    expect((await post(`${server.url}/models/sum/versions/1/predict`, DIE)).status).toBe(200);
  });
});

describe('a folder that is no model', () => {
  test('for want of a numeric version is named, and harms nothing', async () => {
    const repository = await temporaryFolder();
    await fillRepository(repository, [GOOD]);
    await mkdir(join(repository, 'words/v1'), { recursive: true });
    const server = await startApp({ repository });
    const ready = await read(server, '/ready', ReadySchema.parse);
    expect(ready).toMatchObject({
      status: 200,
      body: { failed: ['model words: expected a version folder such as words/1, found "v1"'] },
    });
    expect((await post(`${server.url}/predict`, DIE)).status).toBe(200);
  });
});

describe('an entry of serving.json that is wrong is its model’s alone:', () => {
  test.each<[string, unknown, RegExp]>([
    [
      'weights that do not sum to 100',
      { split: { weights: { '1': 60, '2': 30 } } },
      /models.other.split.weights: expected weights that sum to 100, found a sum of 90$/,
    ],
    [
      'a shadow of itself',
      { default: '1', shadow: ['1'] },
      /models.other.shadow.0 is "1", which takes traffic itself: expected a version that takes none$/,
    ],
    [
      'a version that is not there',
      { default: '7' },
      /models.other.default is "7", the repository holds versions 1, 2$/,
    ],
    ['an unknown key', { defualt: '1' }, /models.other: unknown key "defualt"$/],
    ['a policy that there is not', { load: 'some' }, /models.other.load: expected /],
  ])('%s', async (_, entry, reason) => {
    const other = [scaledVersion('1', { name: 'other' }), scaledVersion('2', { name: 'other' })];
    const serving = { defaultModel: 'sum', models: { other: entry } };
    const server = await startApp({ versions: [GOOD, ...other], serving });
    const ready = await read(server, '/ready', ReadySchema.parse);
    expect(ready.status).toBe(200);
    expect(ready.body.failed).toEqual([expect.stringMatching(reason)]);
    expect((await post(`${server.url}/predict`, DIE)).status).toBe(200);
    expectProblem(await post(`${server.url}/models/other/predict`, DIE), 'model_not_ready');
    expect((await post(`${server.url}/models/other/versions/1/predict`, DIE)).status).toBe(200);
  });

  test('a model name that is a path is named, and harms nothing', async () => {
    const serving = { defaultModel: 'sum', models: { '../sum': { default: '1' } } };
    const server = await startApp({ versions: [GOOD], serving });
    const ready = await read(server, '/ready', ReadySchema.parse);
    expect(ready).toMatchObject({
      status: 200,
      body: { failed: [expect.stringContaining('expected 1 to 64 letters')] },
    });
  });
});

describe('which versions are loaded at the start', () => {
  const versions = ['1', '2', '3', '4'].map((number) => scaledVersion(number));

  test.each<[string, unknown, string[]]>([
    ['all, unless told otherwise', {}, ['1', '2', '3', '4']],
    ['the latest', { load: 'latest' }, ['4']],
    ['the latest two', { load: { latest: 2 } }, ['3', '4']],
    ['those that are named', { load: ['2', '9'] }, ['2']],
    [
      'those that take or see traffic besides',
      { load: 'latest', default: '2', shadow: ['1'] },
      ['1', '2', '4'],
    ],
    ['those of a split', { load: ['4'], split: { weights: { '1': 50, '3': 50, '2': 0 } } }, ['1', '3', '4']],
  ])('%s', async (_, entry, loaded) => {
    const server = await startApp({ versions, serving: { defaultModel: 'sum', models: { sum: entry } } });
    const { body } = await read(server, '/models', ModelsSchema.parse);
    const ready = body.models[0]?.versions.filter(({ state }) => state === 'ready');
    expect(ready?.map(({ version }) => version)).toEqual(loaded);
    expect((await read(server, '/ready', ReadySchema.parse)).status).toBe(200);
  });

  test('what a needed version falls back on', async () => {
    const withFallback = scaledVersion('4', { fallback: { by: 'version', version: '1' } });
    const all = [...versions.slice(0, 3), withFallback];
    const serving = { defaultModel: 'sum', load: 'latest', models: {} };
    const server = await startApp({ versions: all, serving });
    expect(server.app.catalogue.entry('sum/1')?.state).toBe('ready');
    expect(server.app.catalogue.entry('sum/2')?.state).toBe('unloaded');
  });
});

test('a version whose file goes between reading and loading is named without its path', async () => {
  const server = await startApp({ versions: [GOOD, scaledVersion('2')], load: false });
  await rm(join(server.repository, 'sum/2/model.onnx'));
  await writeFile(join(server.repository, 'note.txt'), '');
  await server.app.load();
  expect(await reasonOf(server)).toBe('model sum/2: model.onnx cannot be read: ENOENT');
});
