import { describe, expect, test } from 'vitest';
import { Catalogue, type LoadReport } from '../../src/models/catalogue.js';
import { ManifestSchema } from '../../src/models/manifest/manifest.js';
import { createModelVersion } from '../../src/models/model-version.js';
import { CatalogueEngine } from '../../src/oip/catalogue-engine.js';
import { InferStatistics } from '../../src/oip/statistics.js';
import { type ManifestInput, sumVersion } from '../support/models.js';

const versionOf = (changes: Partial<ManifestInput> = {}) =>
  createModelVersion(ManifestSchema.parse(sumVersion(2, changes).manifest), undefined, '/none');
const REPORT: LoadReport = {
  loadedAt: new Date(0),
  loadMs: 1,
  batching: { policy: { kind: 'any' }, dependence: undefined },
};

/** The engine over a catalogue of two versions, one of them ready. */
function bench() {
  const [one, two] = [versionOf(), versionOf({ version: '2' })];
  const known = [one, two].map((read) => ({ name: read.name, number: read.version, read }));
  const serving = { defaultModel: 'sum', models: { sum: { default: '1' } } };
  const catalogue = new Catalogue(known, { serving, faulty: new Map() });
  catalogue.markReady('sum/1', REPORT);
  catalogue.markLoading('sum/2');
  const statistics = new InferStatistics(() => 1_000);
  const changed: string[] = [];
  const changes = {
    loadModel: async (model: string) => void changed.push(`load ${model}`),
    unloadModel: async (model: string) => void changed.push(`unload ${model}`),
  };
  const options = { catalogue, changes, missing: () => ['sum/2'] };
  return { engine: new CatalogueEngine({ ...options, statistics }), options, statistics, changed };
}

describe("the protocol's view of the catalogue", () => {
  test('shows the versions of the catalogue with their states', () => {
    const { engine } = bench();
    expect(engine.versions('sum').map((one) => [one.version, engine.state(one).state])).toEqual([
      ['1', 'READY'],
      ['2', 'LOADING'],
    ]);
    expect(engine.find('sum').version).toBe('1');
    expect(engine.missing()).toEqual(['sum/2']);
    expect(() => engine.versions('none')).toThrow('there is no model "none"');
    expect(() => engine.find('sum', '3')).toThrow('not "3"');
  });

  test('loads and unloads models by the changes that /admin makes', async () => {
    const { engine, changed } = bench();
    await engine.control.load('sum', { id: 'k' });
    await engine.control.unload('sum', { id: 'k' });
    expect(changed).toEqual(['load sum', 'unload sum']);
  });

  test('has statistics where they are given to it', () => {
    const { engine, options, statistics } = bench();
    statistics.answered('sum/1', 3, 1);
    expect(engine.statistics?.(engine.find('sum')).inference_count).toBe(3);
    expect(engine.statistics?.(engine.find('sum', '2')).inference_count).toBe(0);
    expect(new CatalogueEngine(options).statistics).toBeUndefined();
  });
});
