import { describe, expect, test } from 'vitest';
import { Refusal } from '../../src/errors.js';
import { Catalogue, type LoadReport } from '../../src/models/catalogue.js';
import { ManifestSchema } from '../../src/models/manifest/manifest.js';
import { createModelVersion, type ModelVersion } from '../../src/models/model-version.js';
import { type Predicted, Predictor } from '../../src/prediction/predictor.js';
import { VersionFallbacks } from '../../src/routing/version-fallbacks.js';
import { FakeClock } from '../support/fake-clock.js';
import { type ManifestInput, scaledVersion } from '../support/models.js';

const REPORT: LoadReport = {
  loadedAt: new Date(0),
  loadMs: 1,
  batching: { policy: { kind: 'any' }, dependence: undefined },
};
const parameters = [
  { name: 'a', median: 0, robustSigma: 1 },
  { name: 'b', median: 0, robustSigma: 1 },
];
const input = { name: 'test_params', parameters };
const LIMITS = { by: 'limits' as const, sigmas: 3 };

const versionOf = (number: string, changes: Partial<ManifestInput>) =>
  createModelVersion(
    ManifestSchema.parse(scaledVersion(number, { input, ...changes }).manifest),
    undefined,
    '/none',
  );

/** A predictor over versions that can be made to fail, and the workers' and the clock's state. */
function bench(versions: readonly ModelVersion[], ready: readonly string[]) {
  const clock = new FakeClock();
  const catalogue = new Catalogue(
    versions.map((read) => ({ name: read.name, number: read.version, read })),
    { serving: { defaultModel: 'sum', models: {} }, faulty: new Map() },
  );
  for (const key of ready) catalogue.markReady(key, REPORT);
  const world = { workers: 1, failing: new Map<string, Refusal>(), submitted: [] as string[] };
  const circuits: string[] = [];
  const predicted: Predicted[] = [];
  const predictor = new Predictor({
    clock,
    scorer: {
      submit: async (key, { dies }) => {
        world.submitted.push(key);
        const refusal = world.failing.get(key);
        if (refusal !== undefined) throw refusal;
        return {
          scores: new Float32Array(dies),
          runMs: Array<number>(dies).fill(0),
          contributions: undefined,
        };
      },
    },
    fallbacks: new VersionFallbacks({
      catalogue,
      clock,
      readyWorkers: () => world.workers,
      onCircuit: (_, state) => circuits.push(state),
    }),
    observers: [(one) => predicted.push(one)],
    onObserverError: () => {},
  });
  const predict = (version: ModelVersion) =>
    predictor.predict({
      requestId: 'r',
      version,
      measurements: { labels: [{ die_id: 'd' }], params: Float32Array.of(1, 4) },
      lane: 'realtime',
      receivedAtMs: clock.nowMs(),
      deadlineMs: undefined,
      explain: 0,
    });
  return { clock, world, circuits, predicted, predict };
}

const failed = new Refusal('inference_failed', 'the model threw');

describe('the fallback by limits', () => {
  const version = versionOf('1', { fallback: LIMITS });

  test('answers while no worker runs, and not a moment longer', async () => {
    const b = bench([version], ['sum/1']);
    b.world.workers = 0;
    expect(await b.predict(version)).toMatchObject([{ prediction: 'fail', fallback: true }]);
    expect([b.predicted.at(-1)?.fallback, b.world.submitted]).toEqual(['workers_down', []]);
    b.world.workers = 1;
    const [prediction] = await b.predict(version);
    expect(prediction?.fallback).toBeUndefined();
  });

  test('answers where the version fails; after five times in a row the version is given a rest, and probed', async () => {
    const b = bench([version], ['sum/1']);
    b.world.failing.set('sum/1', failed);
    for (let i = 0; i < 5; i++) expect(await b.predict(version)).toMatchObject([{ fallback: true }]);
    expect([b.circuits, b.world.submitted.length]).toEqual([['open'], 5]);
    await b.predict(version);
    expect([b.predicted.at(-1)?.fallback, b.world.submitted.length]).toEqual(['circuit_open', 5]);
    b.world.failing.clear();
    await b.clock.advance(1000);
    const [probe] = await b.predict(version);
    expect([probe?.fallback, b.circuits]).toEqual([undefined, ['open', 'half_open', 'closed']]);
  });

  test.each(['queue_full', 'deadline_exceeded', 'bad_request'] as const)(
    'does not answer for %s, which is no fault of the version',
    async (code) => {
      const b = bench([version], ['sum/1']);
      const refusal = new Refusal(code, 'no');
      b.world.failing.set('sum/1', refusal);
      for (let i = 0; i < 9; i++) await expect(b.predict(version)).rejects.toBe(refusal);
      expect([b.circuits, b.predicted]).toEqual([[], []]);
    },
  );
});

describe('the fallback by another version', () => {
  const to = (version: string) => ({ fallback: { by: 'version' as const, version } });
  const [one, two] = [versionOf('1', to('2')), versionOf('2', to('1'))];

  test('answers by that version, which is named', async () => {
    const b = bench([one, two], ['sum/2']);
    expect(await b.predict(one)).toMatchObject([{ fallback: true, model_version: '2' }]);
    expect(b.predicted.at(-1)).toMatchObject({ version: one, fallback: 'not_loaded' });
  });

  test('is not asked while workers are down: both would have to wait for one', async () => {
    const b = bench([one, two], ['sum/1', 'sum/2']);
    b.world.workers = 0;
    const [prediction] = await b.predict(one);
    expect([prediction?.model_version, prediction?.fallback]).toEqual(['1', undefined]);
  });

  test('goes one step and no further: two that fall back on each other end in a refusal', async () => {
    const b = bench([one, two], ['sum/1', 'sum/2']);
    b.world.failing.set('sum/1', failed);
    b.world.failing.set('sum/2', new Refusal('inference_failed', 'it too'));
    await expect(b.predict(one)).rejects.toMatchObject({ code: 'inference_failed' });
    expect(b.world.submitted).toEqual(['sum/1', 'sum/2']);
  });

  test('that is not ready leaves the refusal of the version itself', async () => {
    const b = bench([one, two], ['sum/1']);
    b.world.failing.set('sum/1', failed);
    await expect(b.predict(one)).rejects.toBe(failed);
  });

  test('is never the version itself: its manifest is refused', () => {
    expect(() => versionOf('3', to('3'))).toThrow('expected another version than sum/3 itself');
  });
});
