import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Fault } from '../../../src/errors.js';
import type { ModelVersion } from '../../../src/models/model-version.js';
import { type FoundVersion, readRepository } from '../../../src/models/repository/read-repository.js';
import { readVersion } from '../../../src/models/repository/read-version.js';
import { sumVersion, temporaryFolder, writeRepository } from '../../support/models.js';

/** The lines with which a repository is refused as a whole. */
async function refusalOf(folder: string): Promise<readonly string[]> {
  const error: unknown = await readRepository(folder).catch((caught: unknown) => caught);
  if (error instanceof Fault && error.code === 'invalid_model') return error.problems;
  throw new Error('the repository was not refused', { cause: error });
}

/** The lines with which the only version of a repository is refused. */
async function problemsOf(folder: string): Promise<FoundVersion['read']> {
  const { versions } = await readRepository(folder);
  expect(versions).toHaveLength(1);
  return versions[0]?.read ?? [];
}

function isVersion(read: FoundVersion['read']): read is ModelVersion {
  return 'key' in read;
}

const reference = (parameters: number) => {
  const edges = [1, 2, 3, 4, 5, 6, 7, 8, 9];
  const parameter = { edges, mean: 5, standardDeviation: 1, missingRate: 0 };
  return JSON.stringify({ dies: 10, parameters: Array(parameters).fill(parameter), score: { edges } });
};

describe('a model repository', () => {
  it('gives all versions of all models, versions by number', async () => {
    const versions = ['10', '9', '2'].map((version) => sumVersion(4, { version }));
    const root = await writeRepository([...versions, sumVersion(3, { name: 'another' })]);
    await writeFile(join(root, 'sum', '9', 'reference.json'), reference(4));
    await mkdir(join(root, '..data'));
    await mkdir(join(root, 'lost+found'));
    const found = (await readRepository(root)).versions;
    expect(found.map(({ name, number }) => `${name}/${number}`)).toEqual([
      'another/1',
      'sum/2',
      'sum/9',
      'sum/10',
    ]);
    const nine = found[2]?.read;
    if (nine === undefined || !isVersion(nine)) throw new Error('sum/9 was not read');
    expect(nine.contract).toEqual({ parameterCount: 4, acceptsMissing: false });
    expect(nine.reference?.dies).toBe(10);
    expect(nine.modelFile).toBe(join(root, 'sum', '9', 'model.onnx'));
    expect(nine.modelBytes).toBe(sumVersion(4).onnx.length);
  });

  it('does not read again what is known: a version is immutable', async () => {
    const root = await writeRepository([sumVersion(4)]);
    const [first] = (await readRepository(root)).versions;
    if (first === undefined || !isVersion(first.read)) throw new Error('sum/1 was not read');
    await writeFile(join(root, 'sum', '1', 'manifest.json'), '{');
    const [again] = (await readRepository(root, new Map([['sum/1', first.read]]))).versions;
    expect(again?.read).toBe(first.read);
  });

  it('that is not there is refused', async () => {
    const folder = join(await temporaryFolder(), 'models');
    expect(await refusalOf(folder)).toEqual([
      expect.stringContaining(`no such file or directory, scandir '${folder}'`),
    ]);
  });

  it('without any model is refused', async () => {
    const root = await writeRepository([], { defaultModel: 'sum' });
    expect(await refusalOf(root)).toEqual([
      `the model repository ${root} holds no model (expected <model>/<version>/)`,
    ]);
  });

  it('names the folders that should hold a model and have no numbered version; the others are well', async () => {
    const root = await writeRepository([sumVersion(4)]);
    await mkdir(join(root, 'empty'));
    await mkdir(join(root, 'named', 'v1'), { recursive: true });
    const { versions, problems } = await readRepository(root);
    expect(problems).toEqual([
      'model empty: expected a version folder such as empty/1, found no folder',
      'model named: expected a version folder such as named/1, found "v1"',
    ]);
    expect(versions.map(({ read }) => isVersion(read))).toEqual([true]);
  });
});

describe('a version of a model repository', () => {
  it('whose graph is not the one of the manifest is refused with both checksums where it is read alone', async () => {
    const good = sumVersion(4);
    const root = await writeRepository([{ ...good, manifest: { ...good.manifest, sha256: 'a'.repeat(64) } }]);
    await expect(readVersion(join(root, 'sum', '1'), 'sum', '1')).rejects.toThrow(
      `model sum/1: model.onnx has sha256 ${good.manifest.sha256}, manifest.json says ${'a'.repeat(64)}`,
    );
    // In a repository the workers refuse it: its contract is known, so that its fallback can answer.
    const [found] = (await readRepository(root)).versions;
    expect(found !== undefined && isVersion(found.read)).toBe(true);
  });

  it('whose manifest names another model or version than its folder is refused', async () => {
    const root = await writeRepository([sumVersion(4)]);
    const manifest = { ...sumVersion(4).manifest, name: 'product', version: '7' };
    await writeFile(join(root, 'sum', '1', 'manifest.json'), JSON.stringify(manifest));
    expect(await problemsOf(root)).toEqual([
      'model sum/1: manifest.json says name "product", its folder says "sum"',
      'model sum/1: manifest.json says version "7", its folder says "1"',
    ]);
  });

  it('without a file is refused with the name of the file', async () => {
    const root = await writeRepository([sumVersion(4)]);
    await rm(join(root, 'sum', '1', 'manifest.json'));
    await rm(join(root, 'sum', '1', 'model.onnx'));
    expect(await problemsOf(root)).toEqual([
      'model sum/1: manifest.json is missing',
      'model sum/1: model.onnx cannot be read: ENOENT',
    ]);
  });

  it.each([
    ['text', '{\n  "name": sum\n}\n'],
    ['escape sequences of a terminal', '\u001b[2J\u0007'],
  ])('whose manifest is not JSON is refused in one line of plain text: %s', async (_, content) => {
    const root = await writeRepository([sumVersion(4)]);
    await writeFile(join(root, 'sum', '1', 'manifest.json'), content);
    expect(await problemsOf(root)).toEqual([
      expect.stringMatching(/^model sum\/1: manifest\.json is not JSON: \P{Cc}+$/u),
    ]);
  });

  it('whose reference describes another number of parameters is refused with both numbers', async () => {
    const root = await writeRepository([sumVersion(4)]);
    await writeFile(join(root, 'sum', '1', 'reference.json'), reference(3));
    expect(await problemsOf(root)).toEqual([
      'model sum/1: reference.json describes 3 parameters, manifest.json 4',
    ]);
  });

  it('that falls back on limits must have some', async () => {
    const root = await writeRepository([sumVersion(4, { fallback: { by: 'limits' } })]);
    expect(await problemsOf(root)).toEqual([
      'model sum/1: manifest.json: fallback: no parameter has median and robustSigma or limits, and reference.json has no deciles',
    ]);
    await writeFile(join(root, 'sum', '1', 'reference.json'), reference(4));
    const [found] = (await readRepository(root)).versions;
    expect(found !== undefined && isVersion(found.read) && found.read.fallback?.by).toBe('limits');
  });

  it('is refused with all of its problems at once, and its neighbours are well', async () => {
    const good = sumVersion(4);
    const root = await writeRepository([good, sumVersion(4, { version: '2' })]);
    const broken = { ...good.manifest, threshold: 'high', calibration: undefined, colour: 'red' };
    await writeFile(join(root, 'sum', '1', 'manifest.json'), JSON.stringify(broken));
    const [first, second] = (await readRepository(root)).versions;
    expect(first?.read).toEqual([
      'model sum/1: manifest.json: threshold: expected a number, found the string "high"',
      'model sum/1: manifest.json: calibration: expected an object, found nothing',
      'model sum/1: manifest.json: the whole: unknown key "colour"',
    ]);
    expect(second !== undefined && isVersion(second.read)).toBe(true);
  });

  it.each<[string, Record<string, unknown>, string]>([
    ['an unknown task', { task: 'sorting' }, 'task: '],
    ['no task', { task: undefined }, 'task: '],
  ])('with %s is refused', async (_, change, line) => {
    const root = await writeRepository([sumVersion(4)]);
    await writeFile(
      join(root, 'sum', '1', 'manifest.json'),
      JSON.stringify({ ...sumVersion(4).manifest, ...change }),
    );
    expect(await problemsOf(root)).toEqual([
      `model sum/1: manifest.json: ${line}expected "anomaly-screen" or "classification" or "regression", found ${change.task === undefined ? 'nothing' : 'the string "sorting"'}`,
    ]);
  });
});
