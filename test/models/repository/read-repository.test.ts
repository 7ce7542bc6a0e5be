import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Fault } from '../../../src/errors.js';
import { readRepository } from '../../../src/models/repository/read-repository.js';
import { sumVersion, temporaryFolder, writeRepository } from '../../support/models.js';

/** The lines with which a repository is refused. */
async function problemsOf(folder: string): Promise<readonly string[]> {
  const error: unknown = await readRepository(folder).catch((caught: unknown) => caught);
  if (error instanceof Fault && error.code === 'invalid_model') return error.problems;
  throw new Error('the repository was not refused', { cause: error });
}

const reference = (parameters: number) => {
  const edges = [1, 2, 3, 4, 5, 6, 7, 8, 9];
  const parameter = { edges, mean: 5, standardDeviation: 1, missingRate: 0 };
  return JSON.stringify({ dies: 10, parameters: Array(parameters).fill(parameter), score: { edges } });
};

describe('a model repository', () => {
  it('gives all versions of all models, versions by number', async () => {
    const versions = ['10', '9', '2'].map((version) => sumVersion(4, { version }));
    const root = await writeRepository([...versions, sumVersion(3, { name: 'another' })], {
      defaultModel: 'sum',
    });
    await writeFile(join(root, 'sum', '9', 'reference.json'), reference(4));
    await mkdir(join(root, '..data'));
    await mkdir(join(root, 'lost+found'));
    const repository = await readRepository(root);
    expect(repository.versions.map(({ key }) => key)).toEqual(['another/1', 'sum/2', 'sum/9', 'sum/10']);
    expect(repository.serving).toEqual({ defaultModel: 'sum', models: {} });
    const nine = repository.versions[2];
    expect(nine?.contract).toEqual({ parameterCount: 4, acceptsMissing: false });
    expect(nine?.reference?.dies).toBe(10);
    expect(nine?.modelFile).toBe(join(root, 'sum', '9', 'model.onnx'));
  });

  it('that is not there is refused', async () => {
    const folder = join(await temporaryFolder(), 'models');
    expect(await problemsOf(folder)).toEqual([
      expect.stringContaining(`no such file or directory, scandir '${folder}'`),
    ]);
  });

  it('without any model is refused', async () => {
    const root = await writeRepository([], { defaultModel: 'sum' });
    expect(await problemsOf(root)).toEqual([
      `the model repository ${root} holds no model (expected <model>/<version>/)`,
    ]);
  });

  it('with a model that has no numbered version is refused, naming the folders that it has', async () => {
    const root = await writeRepository([sumVersion(4)]);
    await mkdir(join(root, 'empty'));
    await mkdir(join(root, 'named', 'v1'), { recursive: true });
    expect(await problemsOf(root)).toEqual([
      `model empty: expected a version folder such as ${join(root, 'empty', '1')}, found no folder`,
      `model named: expected a version folder such as ${join(root, 'named', '1')}, found "v1"`,
    ]);
  });

  it('without serving.json is refused', async () => {
    const root = await writeRepository([sumVersion(4)]);
    await rm(join(root, 'serving.json'));
    expect(await problemsOf(root)).toEqual([`serving.json is missing (${join(root, 'serving.json')})`]);
  });

  it.each<[unknown, string[]]>([
    [{ defaultModel: 'other' }, ['serving.json: defaultModel is "other", the repository holds sum']],
    [
      { defaultModel: 'sum', models: { sum: { default: '2' } } },
      ['serving.json: models.sum.default is "2", the repository holds versions 1'],
    ],
    [
      { defaultModel: 'sum', models: { other: { default: '1' } } },
      ['serving.json: models.other.default is "1", the repository holds no such model'],
    ],
    [{ models: {} }, ['serving.json: defaultModel: expected string, found nothing']],
    [{ defaultModel: 'sum', default: '1' }, ['serving.json: the whole: unknown key "default"']],
    [
      { defaultModel: 'sum', models: { sum: { default: 1 } } },
      ['serving.json: models.sum.default: expected string, found 1'],
    ],
    [
      { defaultModel: 'sum', models: { 'a b': { default: '1' } } },
      ['serving.json: models.a b: expected 1 to 64 letters, digits, ".", "_" or "-"'],
    ],
    [[], ['serving.json: the whole: expected object, found an array of 0']],
  ])('with serving.json %j is refused', async (serving, problems) => {
    expect(await problemsOf(await writeRepository([sumVersion(4)], serving))).toEqual(problems);
  });
});

describe('a version of a model repository', () => {
  it('whose graph is not the one of the manifest is refused with both checksums', async () => {
    const good = sumVersion(4);
    const root = await writeRepository([{ ...good, manifest: { ...good.manifest, sha256: 'a'.repeat(64) } }]);
    expect(await problemsOf(root)).toEqual([
      `model sum/1: model.onnx has sha256 ${good.manifest.sha256}, manifest.json says ${'a'.repeat(64)}`,
    ]);
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
      `model sum/1: manifest.json is missing (${join(root, 'sum', '1', 'manifest.json')})`,
      expect.stringMatching(/^model sum\/1: model\.onnx cannot be read: ENOENT: [^\n]*$/),
    ]);
  });

  it('whose manifest is not JSON is refused in one line', async () => {
    const root = await writeRepository([sumVersion(4)]);
    await writeFile(join(root, 'sum', '1', 'manifest.json'), '{\n  "name": sum\n}\n');
    expect(await problemsOf(root)).toEqual([
      expect.stringMatching(/^model sum\/1: manifest\.json is not JSON: [^\n]+$/),
    ]);
  });

  it('whose reference describes another number of parameters is refused with both numbers', async () => {
    const root = await writeRepository([sumVersion(4)]);
    await writeFile(join(root, 'sum', '1', 'reference.json'), reference(3));
    expect(await problemsOf(root)).toEqual([
      'model sum/1: reference.json describes 3 parameters, manifest.json 4',
    ]);
  });

  it('is refused with all of its problems at once, and so are its neighbours and serving.json', async () => {
    const good = sumVersion(4);
    const second = { ...good, manifest: { ...good.manifest, version: '2', sha256: 'b'.repeat(64) } };
    const root = await writeRepository([good, second], {
      defaultModel: 'sum',
      models: { sum: { default: '3' } },
    });
    const broken = { ...good.manifest, threshold: 'high', task: 'sorting' };
    await writeFile(join(root, 'sum', '1', 'manifest.json'), JSON.stringify(broken));
    await mkdir(join(root, 'empty'));
    expect(await problemsOf(root)).toEqual([
      expect.stringContaining('model empty: expected a version folder'),
      'model sum/1: manifest.json: task: expected "anomaly-screen", found the string "sorting"',
      'model sum/1: manifest.json: threshold: expected number, found the string "high"',
      `model sum/2: model.onnx has sha256 ${good.manifest.sha256}, manifest.json says ${'b'.repeat(64)}`,
      'serving.json: models.sum.default is "3", the repository holds versions 1, 2',
    ]);
  });
});
