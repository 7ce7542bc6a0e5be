import { describe, expect, test } from 'vitest';
import { Catalogue, type LoadReport } from '../../src/models/catalogue.js';
import { ManifestSchema } from '../../src/models/manifest/manifest.js';
import { createModelVersion } from '../../src/models/model-version.js';
import type { OipInference } from '../../src/oip/engine.js';
import { PredictorEngine } from '../../src/oip/predictor-engine.js';
import { InferStatistics } from '../../src/oip/statistics.js';
import { Predictor, type Scorer } from '../../src/prediction/predictor.js';
import { Targets } from '../../src/routing/targets.js';
import { FakeClock } from '../support/fake-clock.js';
import { type ManifestInput, sumVersion } from '../support/models.js';

const versionOf = (changes: Partial<ManifestInput> = {}) =>
  createModelVersion(ManifestSchema.parse(sumVersion(2, changes).manifest), undefined, '/none');
const REPORT: LoadReport = {
  loadedAt: new Date(0),
  loadMs: 1,
  batching: { policy: { kind: 'any' }, dependence: undefined },
};

/** An engine over a predictor whose scores are 0.5, 1.5, 2.5 and so on. */
function bench() {
  const [one, two] = [versionOf(), versionOf({ version: '2' })];
  const known = [one, two].map((read) => ({ name: read.name, number: read.version, read }));
  const serving = { defaultModel: 'sum', models: { sum: { default: '1' } } };
  const catalogue = new Catalogue(known, { serving, faulty: new Map() });
  catalogue.markReady('sum/1', REPORT);
  catalogue.markLoading('sum/2');
  const submitted: { key: string; lane: string; explain: boolean }[] = [];
  const scorer: Scorer = {
    submit: async (key, { dies, lane, explain }) => {
      submitted.push({ key, lane, explain });
      const scores = Float32Array.from({ length: dies }, (_, i) => i + 0.5);
      return { scores, runMs: Array<number>(dies).fill(0), contributions: undefined };
    },
  };
  const statistics = new InferStatistics(() => 1_000);
  const predictor = new Predictor({
    scorer,
    clock: new FakeClock(),
    observers: [
      ({ request, predictions, latencyMs }) =>
        statistics.answered(request.version.key, predictions.length, latencyMs),
    ],
    onObserverError: () => {},
  });
  const targets = new Targets(catalogue);
  const target = (model: string | undefined, version: string | undefined) => targets.of(model, version);
  const changed: string[] = [];
  const changes = {
    loadModel: async (model: string) => void changed.push(`load ${model}`),
    unloadModel: async (model: string) => void changed.push(`unload ${model}`),
  };
  const options = { predictor, catalogue, admit: target, target, changes, missing: () => ['sum/2'] };
  return { engine: new PredictorEngine({ ...options, statistics }), options, submitted, changed };
}

const inference = (engine: PredictorEngine, dies: number): OipInference => ({
  requestId: 'r',
  version: engine.find('sum'),
  isNamed: false,
  labels: Array.from({ length: dies }, (_, i) => ({ die_id: `d${i}` })),
  params: new Float32Array(2 * dies),
  contributions: false,
  receivedAtMs: 0,
  deadlineMs: undefined,
  onGone: () => {},
});

describe("the protocol's engine over the predictor", () => {
  test('sends one die through the realtime lane and more through the bulk lane', async () => {
    const { engine, submitted } = bench();
    expect((await engine.infer(inference(engine, 1))).predictions).toHaveLength(1);
    const { predictions } = await engine.infer(inference(engine, 3));
    expect(predictions.map(({ die_id, anomaly_score }) => [die_id, anomaly_score])).toEqual([
      ['d0', 0.5],
      ['d1', 1.5],
      ['d2', 2.5],
    ]);
    expect(submitted).toEqual([
      { key: 'sum/1', lane: 'realtime', explain: false },
      { key: 'sum/1', lane: 'bulk', explain: false },
    ]);
  });

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

  test('has statistics where they are given to it, fed by the observers of the predictor', async () => {
    const { engine, options } = bench();
    await engine.infer(inference(engine, 3));
    expect(engine.statistics?.(engine.find('sum')).inference_count).toBe(3);
    expect(engine.statistics?.(engine.find('sum', '2')).inference_count).toBe(0);
    expect(new PredictorEngine(options).statistics).toBeUndefined();
  });
});
