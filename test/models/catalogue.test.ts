import { describe, expect, it } from 'vitest';
import { Catalogue, type LoadReport } from '../../src/models/catalogue.js';
import { ManifestSchema } from '../../src/models/manifest/manifest.js';
import { createModelVersion, type ModelVersion, probeOf } from '../../src/models/model-version.js';
import type { Serving } from '../../src/models/repository/serving.js';
import { type ManifestInput, sumVersion } from '../support/models.js';

const version = (changes: Partial<ManifestInput> = {}) =>
  createModelVersion(ManifestSchema.parse(sumVersion(2, changes).manifest), undefined, '/none');
const known = (read: ModelVersion) => ({ name: read.name, number: read.version, read });
const REPORT: LoadReport = {
  loadedAt: new Date(0),
  loadMs: 1,
  batching: { policy: { kind: 'any' }, dependence: undefined },
};

const [one, two, ten, other] = [
  version(),
  version({ version: '2' }),
  version({ version: '10' }),
  version({ name: 'other' }),
];

function catalogue(
  models: Serving['models'] = {},
  faulty = new Map<string, { reason: string; entry: unknown }>(),
) {
  const serving = { defaultModel: 'sum', models };
  return new Catalogue([ten, one, two, other].map(known), { serving, faulty });
}

describe('the catalogue of versions', () => {
  it('finds the version that serving.json names, ready or not', () => {
    const all = catalogue({ sum: { default: '2' } });
    all.markReady('sum/10', REPORT);
    expect(all.find().version).toBe(two);
    expect(all.find('sum', '1').version).toBe(one);
  });

  it('finds the highest number that is ready where serving.json names none: a new one takes over when it can', () => {
    const all = catalogue();
    expect(all.find().version).toBe(ten);
    all.markReady('sum/1', REPORT);
    expect(all.find().version).toBe(one);
    all.markReady('sum/2', REPORT);
    all.markFailed('sum/10', 'broken');
    expect(all.find().version).toBe(two);
    expect(all.find('other').version).toBe(other);
  });

  it('refuses a name or a number that it does not hold', () => {
    expect(() => catalogue().find('none')).toThrow('there is no model "none"');
    expect(() => catalogue().find('constructor')).toThrow('there is no model "constructor"');
    expect(() => catalogue().find('sum', '3')).toThrow('model "sum" has versions 1, 2, 10, not "3"');
  });

  it('a model about which serving.json is wrong answers only where a version is named', () => {
    const reason = 'serving.json: models.sum.split: no';
    const all = catalogue({}, new Map([['sum', { reason, entry: {} }]]));
    expect(() => all.find('sum')).toThrow(reason);
    expect(all.find('sum', '1').version).toBe(one);
    expect(all.model('sum')).toMatchObject({ defaultVersion: undefined, reason });
    expect(all.find('other').version).toBe(other);
  });

  it('keeps the state of every version, and why it failed', () => {
    const all = catalogue();
    expect(all.entry('sum/1')).toMatchObject({ state: 'unloaded', version: one });
    all.markLoading('sum/1');
    expect(all.entry('sum/1')?.state).toBe('loading');
    all.markReady('sum/1', REPORT);
    expect(all.entry('sum/1')).toMatchObject({ state: 'ready', report: REPORT, reason: undefined });
    all.markFailed('sum/2', 'no such output');
    expect(all.entry('sum/2')).toMatchObject({ state: 'failed', reason: 'no such output' });
    expect(all.entry('sum/1')?.state).toBe('ready');
  });

  it('holds versions that cannot even be read, with all of their problems', () => {
    const all = catalogue();
    all.add({ name: 'sum', number: '3', read: ['model sum/3: a', 'model sum/3: b'] });
    expect(all.entry('sum/3')).toMatchObject({
      state: 'failed',
      version: undefined,
      reason: 'model sum/3: a; model sum/3: b',
    });
    expect(all.numbersOf('sum')).toEqual(['1', '2', '3', '10']);
  });

  it('lists every model by name with its default and its versions by number', () => {
    const [second, sum] = catalogue({ sum: { default: '1' } }).models();
    expect([second?.name, second?.defaultVersion, sum?.name, sum?.defaultVersion]).toEqual([
      'other',
      '1',
      'sum',
      '1',
    ]);
    expect(sum?.versions.map(({ key }) => key)).toEqual(['sum/1', 'sum/2', 'sum/10']);
  });

  it('tells of every change', () => {
    const all = catalogue();
    let changes = 0;
    all.onChange(() => changes++);
    all.markReady('sum/1', REPORT);
    all.remove('sum/2');
    all.serve({ serving: { defaultModel: 'other', models: {} }, faulty: new Map() });
    expect(changes).toBe(3);
    expect(all.find().version).toBe(other);
  });
});

describe('the measurement that a version is tried with', () => {
  it("is the passing dies' means where the manifest knows them, else the middle of the bounds, else zeros", () => {
    const parameters = [
      { name: 'vdd', expected: 1.5 },
      { name: 'idd' },
      { name: 'vcore', minimum: 1, maximum: 1.5 },
      { name: 'temp', minimum: 25 },
    ];
    expect(Array.from(probeOf(version({ input: { name: 'x', parameters } })))).toEqual([1.5, 0, 1.25, 25]);
    expect(Array.from(probeOf(version()))).toEqual([0, 0]);
  });
});
