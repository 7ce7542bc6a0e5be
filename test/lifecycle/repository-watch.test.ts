import { appendFile, mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { RepositoryWatch } from '../../src/lifecycle/repository-watch.js';
import { FakeClock } from '../support/fake-clock.js';
import { post, send } from '../support/http.js';
import {
  fillRepository,
  futureModel,
  manifestOf,
  scaledVersion,
  temporaryFolder,
  writeVersion,
} from '../support/models.js';
import { type StartedApp, startApp } from '../support/start-app.js';

const NO_LOG = { warn: () => {}, error: () => {}, info: () => {} };

/** A watch of a repository whose looks are the test's. */
async function watched() {
  const folder = await temporaryFolder();
  await fillRepository(folder, [scaledVersion('1')]);
  const clock = new FakeClock();
  const bench = { folder, clock, follows: 0, fails: false, errors: 0, versionsChanged: false };
  const watch = new RepositoryWatch({
    folder,
    servingFile: join(folder, 'serving.json'),
    sync: {
      follow: async ({ versions }) => {
        bench.follows++;
        bench.versionsChanged = versions;
        if (bench.fails) throw new Error('no');
      },
    },
    clock,
    everyMs: 5_000,
    logger: { ...NO_LOG, error: () => bench.errors++ },
  });
  await watch.start();
  return { ...bench, bench, watch };
}

describe('the watch of a repository', () => {
  test('follows nothing while nothing changes, and looks again and again', async () => {
    const { bench, watch, clock } = await watched();
    for (let i = 0; i < 3; i++) await watch.look();
    expect([bench.follows, clock.nextTimerInMs]).toEqual([0, 5_000]);
    watch.stop();
    expect(clock.timers).toBe(0);
  });

  test('follows a change once, when it has held still for a look: a version being copied is left alone', async () => {
    const { bench, watch, folder } = await watched();
    await writeVersion(join(folder, 'sum/2'), scaledVersion('2'));
    await watch.look();
    for (let i = 0; i < 3; i++) {
      await appendFile(join(folder, 'sum/2/model.onnx'), 'more');
      await watch.look();
      expect(bench.follows).toBe(0);
    }
    for (let i = 0; i < 3; i++) await watch.look();
    expect(bench.follows).toBe(1);
  });

  test.each([
    ['serving.json', (folder: string) => writeFile(join(folder, 'serving.json'), '{"defaultModel":"sum"}')],
    ['a reference', (folder: string) => writeFile(join(folder, 'sum/1/reference.json'), '{}')],
    ['a version that goes', (folder: string) => rm(join(folder, 'sum/1'), { recursive: true })],
    ['the folder that goes', (folder: string) => rm(folder, { recursive: true })],
  ])('sees %s', async (_, change) => {
    const { bench, watch, folder } = await watched();
    await change(folder);
    await watch.look();
    await watch.look();
    expect(bench.follows).toBe(1);
  });

  test('tells whether files of versions have changed: only then what has failed is worth another try', async () => {
    const { bench, watch, folder } = await watched();
    await writeFile(join(folder, 'serving.json'), '{}');
    for (let i = 0; i < 2; i++) await watch.look();
    expect(bench).toMatchObject({ follows: 1, versionsChanged: false });
    await writeFile(join(folder, 'sum/1/manifest.json'), '{}');
    for (let i = 0; i < 2; i++) await watch.look();
    expect(bench).toMatchObject({ follows: 2, versionsChanged: true });
  });

  test('what cannot be followed is logged once, and tried again when it has changed', async () => {
    const { bench, watch, folder } = await watched();
    bench.fails = true;
    await writeFile(join(folder, 'serving.json'), 'x');
    for (let i = 0; i < 4; i++) await watch.look();
    expect([bench.follows, bench.errors]).toEqual([1, 1]);
    await writeFile(join(folder, 'serving.json'), 'xy');
    for (let i = 0; i < 4; i++) await watch.look();
    expect(bench.follows).toBe(2);
  });
});

const DIE = JSON.stringify({ die_id: 'd', test_params: [3, 4] });
const FOLLOWED = 'the model repository has changed and is followed';

/** An app that watches its repository closely, and how to await what it does. */
async function watching(repository: string) {
  const server = await startApp({ repository, environment: { REPOSITORY_WATCH_MS: '25' } });
  const count = (msg: string) => server.log.lines.filter((line) => line.msg === msg).length;
  /** Makes a change and resolves when the app has said what it makes of it. */
  const after = async (change: () => Promise<unknown>, msg = FOLLOWED) => {
    const before = count(msg);
    await change();
    await server.log.line(() => count(msg) > before);
  };
  return { server, after };
}

async function answering({ url }: StartedApp, model = 'sum'): Promise<string> {
  const { status, body } = await post(`${url}/models/${model}/predict`, DIE);
  expect(status, body).toBe(200);
  const { model_version, anomaly_score } = JSON.parse(body);
  expect(anomaly_score).toBe(7 * Number(model_version));
  return model_version;
}

/** Writes a version beside the repository and moves it in, as an atomic copy does. */
async function moveIn(repository: string, version: ReturnType<typeof scaledVersion>) {
  const { name, version: number } = version.manifest;
  const aside = await temporaryFolder();
  await writeVersion(join(aside, 'whole'), version);
  await mkdir(join(repository, name), { recursive: true });
  await rename(join(aside, 'whole'), join(repository, name, number));
}

async function filled(serving?: unknown): Promise<string> {
  const repository = await temporaryFolder();
  await fillRepository(repository, [scaledVersion('1')], serving);
  return repository;
}

describe('a watched repository', () => {
  test('a version that is moved in takes over when it is loaded, where no default is named', async () => {
    const repository = await filled();
    const { server, after } = await watching(repository);
    await after(() => moveIn(repository, scaledVersion('2')));
    expect(await answering(server)).toBe('2');
  });

  test('by the policy "latest" the one before it leaves', async () => {
    const repository = await filled({ defaultModel: 'sum', load: 'latest', models: {} });
    const { server, after } = await watching(repository);
    await after(() => moveIn(repository, scaledVersion('2')));
    expect(await answering(server)).toBe('2');
    expect(server.app.catalogue.entry('sum/1')?.state).toBe('unloaded');
  });

  test('a new model comes; a bad version of another one is named, and nothing else changes', async () => {
    const repository = await filled();
    const { server, after } = await watching(repository);
    await after(() => moveIn(repository, scaledVersion('3', { name: 'other' })));
    expect(await answering(server, 'other')).toBe('3');
    const bad = scaledVersion('2');
    await after(() => moveIn(repository, { ...bad, manifest: { ...bad.manifest, sha256: 'a'.repeat(64) } }));
    expect(await answering(server)).toBe('1');
    const ready = JSON.parse((await send(`${server.url}/ready`)).body);
    expect(ready).toMatchObject({
      status: 'ready',
      failed: [expect.stringContaining('model sum/2: model.onnx has sha256')],
    });
    // Mended in its place, it takes over.
    await after(() => writeVersion(join(repository, 'sum/2'), bad));
    expect(await answering(server)).toBe('2');
  });

  test('a slip in serving.json keeps what was good of that model, and says so; the rest of the file is followed', async () => {
    const repository = await filled({ defaultModel: 'sum', models: { sum: { default: '1' } } });
    await moveIn(repository, scaledVersion('2'));
    await moveIn(repository, scaledVersion('1', { name: 'other' }));
    await moveIn(repository, scaledVersion('2', { name: 'other' }));
    const { server, after } = await watching(repository);
    const write = (models: unknown) =>
      after(() =>
        writeFile(join(repository, 'serving.json'), JSON.stringify({ defaultModel: 'sum', models })),
      );
    await write({ sum: { defualt: '2' }, other: { default: '1' } });
    expect([await answering(server), await answering(server, 'other')]).toEqual(['1', '1']);
    const said = expect.stringContaining(
      'unknown key "defualt"; what it said of the model before is followed on',
    );
    const ready = async () => JSON.parse((await send(`${server.url}/ready`)).body);
    expect(await ready()).toMatchObject({ status: 'ready', failed: [said] });
    // And on, after a second slip, until it is right.
    await write({ sum: { default: '9' } });
    expect([await answering(server), await answering(server, 'other')]).toEqual(['1', '2']);
    await write({ sum: { default: '2' } });
    expect(await answering(server)).toBe('2');
    expect((await ready()).failed).toEqual([]);
  });

  test('a version that cannot be loaded is tried again when its files have changed, and not before', async () => {
    const repository = await filled();
    const { server, after } = await watching(repository);
    const tries = () =>
      server.log.lines.filter(({ msg }) => msg === 'a model version cannot be loaded').length;
    const onnx = futureModel(2);
    const manifest = manifestOf(onnx, 2, { name: 'sum', version: '2' });
    await after(() => writeVersion(join(repository, 'sum/2'), { onnx, manifest }));
    expect(tries()).toBe(1);
    const serving = JSON.stringify({ defaultModel: 'sum', models: { sum: { load: 'all' } } });
    await after(() => writeFile(join(repository, 'serving.json'), serving));
    expect(tries()).toBe(1);
    expect(await answering(server)).toBe('1');
    await after(() => writeVersion(join(repository, 'sum/2'), scaledVersion('2')));
    expect(await answering(server)).toBe('2');
  });

  test('links that are swapped as Kubernetes volumes swap them are followed', async () => {
    const root = await temporaryFolder();
    await fillRepository(join(root, '..2026_01'), [scaledVersion('1')]);
    await fillRepository(join(root, '..2026_02'), [scaledVersion('1'), scaledVersion('2')]);
    await symlink('..2026_01', join(root, '..data'));
    await symlink('..data/sum', join(root, 'sum'));
    await symlink('..data/serving.json', join(root, 'serving.json'));
    const { server, after } = await watching(root);
    expect(await answering(server)).toBe('1');
    await after(async () => {
      await symlink('..2026_02', join(root, '..data_tmp'));
      await rename(join(root, '..data_tmp'), join(root, '..data'));
    });
    await rm(join(root, '..2026_01'), { recursive: true });
    expect(await answering(server)).toBe('2');
  });

  test('serving.json is followed: what it needs is loaded first, and the change is audited', async () => {
    const repository = await filled({ defaultModel: 'sum', load: ['1'], models: { sum: { default: '1' } } });
    await writeVersion(join(repository, 'sum/2'), scaledVersion('2'));
    const { server, after } = await watching(repository);
    expect(server.app.catalogue.entry('sum/2')?.state).toBe('unloaded');
    const serving = { defaultModel: 'sum', load: ['1'], models: { sum: { default: '2' } } };
    await after(() => writeFile(join(repository, 'serving.json'), JSON.stringify(serving)));
    expect(await answering(server)).toBe('2');
    expect(server.log.lines.find(({ msg }) => msg === 'audit')).toMatchObject({
      who: 'repository',
      action: 'serving_file',
      model: 'sum',
      from: { default: '1' },
      to: { default: '2' },
    });
  });

  test('a serving.json that is not JSON, and a folder that cannot be read, leave what is served as it is', async () => {
    const repository = await filled();
    const { server, after } = await watching(repository);
    const cannot = 'the model repository has changed and cannot be followed';
    await after(() => writeFile(join(repository, 'serving.json'), '{'), cannot);
    expect(await answering(server)).toBe('1');
    await after(() => rename(repository, `${repository}-away`), cannot);
    expect(await answering(server)).toBe('1');
    await rename(`${repository}-away`, repository);
  });

  test('a version that goes is served on while dies are sent to it, and leaves when none are', async () => {
    const repository = await filled({ defaultModel: 'sum', models: { sum: { default: '1' } } });
    await writeVersion(join(repository, 'sum/2'), scaledVersion('2'));
    const { server, after } = await watching(repository);
    await after(() => rm(join(repository, 'sum/2'), { recursive: true }));
    expect(server.app.catalogue.entry('sum/2')).toBeUndefined();
    await writeVersion(join(repository, 'sum/3'), scaledVersion('3'));
    await after(() => rm(join(repository, 'sum/1'), { recursive: true }));
    expect(await answering(server)).toBe('1');
  });
});
