import { describe, expect, it } from 'vitest';
import { Catalogue } from '../../src/models/catalogue.js';
import { ManifestSchema } from '../../src/models/manifest/manifest.js';
import { createModelVersion, probeOf } from '../../src/models/model-version.js';
import { type ManifestInput, sumVersion } from '../support/models.js';

const version = (changes: Partial<ManifestInput> = {}) =>
  createModelVersion(ManifestSchema.parse(sumVersion(2, changes).manifest), undefined, '/none');
const REPORT = { loadedAt: new Date(0), loadMs: 1, sameInAnyBatch: true };

const [one, two, ten, other] = [
  version(),
  version({ version: '2' }),
  version({ version: '10' }),
  version({ name: 'other' }),
];
const catalogue = (models: Record<string, { default: string }> = {}) =>
  new Catalogue([one, two, ten, other], { defaultModel: 'sum', models });

describe('the catalogue of versions', () => {
  it('finds the version that serving.json names, else the highest number', () => {
    expect(catalogue().find().version).toBe(ten);
    expect(catalogue({ sum: { default: '2' } }).find().version).toBe(two);
    expect(catalogue().find('other').version).toBe(other);
    expect(catalogue().find('sum', '1').version).toBe(one);
  });

  it('refuses a name or a number that it does not hold', () => {
    expect(() => catalogue().find('none')).toThrow('there is no model "none"');
    expect(() => catalogue().find('constructor')).toThrow('there is no model "constructor"');
    expect(() => catalogue().find('sum', '3')).toThrow('model "sum" has versions 1, 2, 10, not "3"');
  });

  it('says which versions are not ready until each was loaded', () => {
    const all = catalogue();
    expect(all.notReady()).toEqual(['sum/1', 'sum/2', 'sum/10', 'other/1']);
    for (const loaded of [one, two, other]) all.markReady(loaded, REPORT);
    expect(all.notReady()).toEqual(['sum/10']);
    expect(all.find('sum', '1')).toEqual({ version: one, state: 'ready', report: REPORT });
  });

  it('lists every model with its default and its versions in the order of the repository', () => {
    const [sum, second] = catalogue({ sum: { default: '1' } }).models();
    expect([sum?.name, sum?.defaultVersion, second?.name, second?.defaultVersion]).toEqual([
      'sum',
      '1',
      'other',
      '1',
    ]);
    expect(sum?.versions.map(({ version: { key } }) => key)).toEqual(['sum/1', 'sum/2', 'sum/10']);
  });
});

describe('the measurement that a version is tried with', () => {
  it("is the passing dies' means where the manifest knows them, else zeros", () => {
    const parameters = [{ name: 'vdd', expected: 1.5 }, { name: 'idd' }];
    expect(Array.from(probeOf(version({ input: { name: 'x', parameters } })))).toEqual([1.5, 0]);
    expect(Array.from(probeOf(version()))).toEqual([0, 0]);
  });
});
