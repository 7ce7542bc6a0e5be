import { readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Fault } from '../../../src/errors.js';
import { isUnanswered } from '../../../src/models/catalogue.js';
import {
  assertDefaultModel,
  checkServing,
  keepLastGood,
  readServing,
} from '../../../src/models/repository/read-serving.js';
import { versionsToLoad } from '../../../src/models/repository/serving.js';
import { writeServing } from '../../../src/models/repository/write-serving.js';
import { temporaryFolder } from '../../support/models.js';

async function fileOf(content: unknown): Promise<string> {
  const file = join(await temporaryFolder(), 'serving.json');
  await writeFile(file, typeof content === 'string' ? content : JSON.stringify(content));
  return file;
}

/** serving.json against a repository that holds sum/1, sum/2 and other/1. */
async function check(content: unknown) {
  const numbers: Record<string, string[]> = { sum: ['1', '2'], other: ['1'] };
  return checkServing(await readServing(await fileOf(content)), (name) => numbers[name]);
}

describe('serving.json', () => {
  it.each<[unknown, string]>([
    [{ models: {} }, 'serving.json: defaultModel: expected a string, found nothing'],
    [{ defaultModel: 'sum', default: '1' }, 'serving.json: the whole: unknown key "default"'],
    [[], 'serving.json: the whole: expected an object, found an array of 0'],
    [
      { defaultModel: 'sum', load: 'some' },
      'serving.json: load: expected "latest" or "all" or an object or an array, found the string "some"',
    ],
  ])('%j is wrong as a whole, and refused', async (content, line) => {
    const error: unknown = await readServing(await fileOf(content)).catch((caught: unknown) => caught);
    expect(error instanceof Fault && error.problems).toEqual([line]);
  });

  it('that is missing is refused with its name', async () => {
    const file = join(await temporaryFolder(), 'serving.json');
    await expect(readServing(file)).rejects.toThrow('serving.json is missing');
  });

  it('whose default model is none of the repository is refused with those that there are', () => {
    expect(() => assertDefaultModel({ defaultModel: 'x', models: {} }, ['sum', 'other'])).toThrow(
      'serving.json: defaultModel is "x", the repository holds sum, other',
    );
  });

  it.each<[string, unknown, string]>([
    [
      'a default that is not there',
      { default: '7' },
      'models.sum.default is "7", the repository holds versions 1, 2',
    ],
    ['a default that is no version', { default: 1 }, 'models.sum.default: expected a string, found 1'],
    ['an unknown key', { defualt: '1' }, 'models.sum: unknown key "defualt"'],
    [
      'weights that do not sum to 100',
      { split: { weights: { 1: 90, 2: 20 } } },
      'models.sum.split.weights: expected weights that sum to 100, found a sum of 110',
    ],
    [
      'a shadow of itself',
      { default: '1', shadow: ['1'] },
      'models.sum.shadow.0 is "1", which takes traffic itself: expected a version that takes none',
    ],
    [
      'a split with a version that is not there',
      { split: { weights: { 1: 90, 3: 10 } } },
      'models.sum.split.weights.3 is "3", the repository holds versions 1, 2',
    ],
  ])('that has %s is wrong about that model alone, in one line', async (_, entry, reason) => {
    const { serving, faulty } = await check({
      defaultModel: 'sum',
      models: { sum: entry, other: { default: '1' } },
    });
    expect(serving.models).toEqual({ other: { default: '1', shadow: undefined } });
    expect(faulty.get('sum')?.reason).toBe(`serving.json: ${reason}`);
    expect([...faulty.keys()]).toEqual(['sum']);
  });

  it.each(['../etc', 'a b', '', '.'])('never takes %j for the name of a model', async (name) => {
    const { serving, faulty } = await check({ defaultModel: 'sum', models: { [name]: { default: '1' } } });
    expect(serving.models).toEqual({});
    expect(faulty.get(name)?.reason).toMatch(/^serving\.json: models\./);
  });

  it('is replaced whole, and keeps the entries that were not understood', async () => {
    const file = await fileOf({ defaultModel: 'sum', models: { other: { colour: 'red' } } });
    const { faulty } = await readServing(file);
    await writeServing(file, { defaultModel: 'sum', models: { sum: { default: '2' } } }, faulty);
    expect(JSON.parse(await readFile(file, 'utf8'))).toEqual({
      defaultModel: 'sum',
      models: { other: { colour: 'red' }, sum: { default: '2' } },
    });
  });

  it('keeps an entry that was not understood in the file, also where the one before it is followed', async () => {
    const file = await fileOf({ defaultModel: 'sum', models: { sum: { colour: 'red' } } });
    const numbersOf = () => ['1', '2'];
    const before = { serving: { defaultModel: 'sum', models: { sum: { default: '1' } } }, faulty: new Map() };
    const { serving, faulty } = keepLastGood(await readServing(file), before, numbersOf);
    expect(serving.models).toEqual({ sum: { default: '1' } });
    expect(isUnanswered({ faulty }, 'sum')).toBe(false);
    await writeServing(file, serving, faulty);
    expect(JSON.parse(await readFile(file, 'utf8')).models).toEqual({ sum: { colour: 'red' } });
    // What it said before cannot be followed any more, or never could.
    const gone = keepLastGood(await readServing(file), before, () => ['2']);
    expect(isUnanswered(gone, 'sum')).toBe(true);
    expect(isUnanswered(keepLastGood(await readServing(file), gone, numbersOf), 'sum')).toBe(true);
  });

  it('of 200 MB is refused before it is read', async () => {
    const file = await fileOf({});
    await truncate(file, 200_000_000);
    const before = process.memoryUsage().rss;
    await expect(readServing(file)).rejects.toMatchObject({
      code: 'invalid_model',
      problems: ['serving.json has 200000000 bytes, expected at most 67108864'],
    });
    expect(process.memoryUsage().rss - before).toBeLessThan(100_000_000);
  });

  it('stays as it is when it cannot be replaced', async () => {
    const folder = await temporaryFolder();
    await rm(folder, { recursive: true });
    await expect(
      writeServing(join(folder, 'serving.json'), { defaultModel: 'sum', models: {} }, new Map()),
    ).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

describe('the policy of loading', () => {
  it.each([
    ['all' as const, ['1', '2', '10']],
    ['latest' as const, ['10']],
    [{ latest: 2 }, ['2', '10']],
    [{ latest: 9 }, ['1', '2', '10']],
    [['2', '5'], ['2']],
  ])('%j of versions 1, 2 and 10 loads %j', (policy, loaded) => {
    expect(versionsToLoad(policy, ['1', '2', '10'])).toEqual(loaded);
  });
});
