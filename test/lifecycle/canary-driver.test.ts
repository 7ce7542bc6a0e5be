import { describe, expect, test } from 'vitest';
import { Refusal } from '../../src/errors.js';
import { CanaryDriver } from '../../src/lifecycle/canary-driver.js';
import { Catalogue } from '../../src/models/catalogue.js';
import { ManifestSchema } from '../../src/models/manifest/manifest.js';
import { createModelVersion } from '../../src/models/model-version.js';
import type { Predicted } from '../../src/prediction/predictor.js';
import { type CanaryMove, startCanary } from '../../src/traffic/canary.js';
import { CanaryPlanSchema, type CanaryState } from '../../src/traffic/canary-plan.js';
import { FakeClock, promisesSettled } from '../support/fake-clock.js';
import { scaledVersion } from '../support/models.js';

const START = new Date('2026-01-01T00:00:00Z');
const versions = ['1', '2'].map((number) =>
  createModelVersion(ManifestSchema.parse(scaledVersion(number).manifest), undefined, '/none'),
);
const PLAN = CanaryPlanSchema.parse({
  from: '1',
  to: '2',
  by: 'die_id',
  steps: [50, 100],
  dwellMs: 10_000,
  bounds: { minDies: 20, maxErrorRate: 0.05, maxFailRateDifference: 0.1, maxFailRateRatio: null },
});

/** A driver over a catalogue, with the time in the test's hands. */
function bench(canary: CanaryState = startCanary(PLAN, START).state) {
  const clock = new FakeClock();
  const beganMs = clock.nowMs();
  const serving = (state: CanaryState) => ({
    serving: { defaultModel: 'sum', models: { sum: { default: '1', canary: state } } },
    faulty: new Map(),
  });
  const catalogue = new Catalogue(
    versions.map((read) => ({ name: 'sum', number: read.version, read })),
    serving(canary),
  );
  const moves: CanaryMove[] = [];
  const aborts: (string | undefined)[] = [];
  const errors: unknown[] = [];
  const world = { refuses: false };
  const driver = new CanaryDriver({
    catalogue,
    clock,
    now: () => new Date(START.getTime() + clock.nowMs() - beganMs),
    logger: { error: (error: unknown) => errors.push(error) },
    changes: {
      moveCanary: async (_, before, move) => {
        expect(before).toBe(catalogue.serving.models.sum?.canary);
        if (world.refuses) throw new Refusal('state_not_saved', 'no disk');
        moves.push(move);
        catalogue.serve(serving(move.state));
      },
      abortCanary: async (_, __, reason) => {
        aborts.push(reason);
        return startCanary(PLAN, START);
      },
    },
  });
  driver.start();
  const kinds = () => moves.map(({ event }) => event?.kind);
  return { clock, catalogue, driver, moves, aborts, errors, world, kinds };
}

/** Tells the driver of dies that each version decided. */
function tell(
  { driver }: ReturnType<typeof bench>,
  dies: number,
  changes: Partial<Predicted['request']> = {},
) {
  for (const version of versions) {
    const labels = Array.from({ length: dies }, (_, i) => ({ die_id: `d${i}` }));
    const measurements = { labels, params: new Float32Array(2 * dies) };
    const predictions = labels.map(({ die_id }) => ({
      die_id,
      prediction: 'pass' as const,
      confidence: 1,
      anomaly_score: 0.5,
      inference_time_ms: 1,
      timestamp: START.toISOString(),
      model_name: 'sum',
      model_version: version.version,
    }));
    const request = {
      requestId: 'r',
      version,
      measurements,
      lane: 'bulk',
      receivedAtMs: 0,
      deadlineMs: undefined,
      explain: 0,
      ...changes,
    } as const;
    driver.predicted({ request, version, measurements, predictions, latencyMs: 1, fallback: undefined });
  }
}

describe('the driver of canaries', () => {
  test('moves on when the dwell time is over and both versions have done well, and judges each step anew', async () => {
    const b = bench();
    tell(b, 50);
    await b.clock.advance(9_000);
    tell(b, 50);
    expect(b.kinds()).toEqual([]);
    await b.clock.advance(2_000);
    expect(b.kinds()).toEqual(['step']);
    // What the step before saw does not count: without dies it is held.
    await b.clock.advance(20_000);
    expect(b.kinds()).toEqual(['step', 'hold']);
    tell(b, 100);
    await b.clock.advance(1_000);
    expect(b.kinds()).toEqual(['step', 'hold', 'completed']);
    await b.clock.advance(60_000);
    expect(b.moves).toHaveLength(3);
  });

  test('dies that were sent to a version by name, and answers of a fallback, count for nothing', async () => {
    const b = bench();
    tell(b, 100, { isNamed: true });
    await b.clock.advance(11_000);
    expect(b.kinds()).toEqual(['hold']);
  });

  test('rolls back when the new version fails by a fault of its own, without waiting', async () => {
    const b = bench();
    tell(b, 60);
    const [, candidate] = versions;
    if (candidate === undefined) throw new Error('no candidate');
    const request = { isNamed: false } as Predicted['request'];
    const labels = Array.from({ length: 60 }, (_, i) => ({ die_id: `failed ${i}` }));
    b.driver.failed(candidate, labels, request, 1);
    await b.clock.advance(1_000);
    expect(b.kinds()).toEqual(['rolled_back']);
  });

  test('keeps what outcomes say for as long as the canary lasts, and rolls back by it', async () => {
    const b = bench();
    const outcome = (version: string, actual: 'pass' | 'fail', dies: number) =>
      b.driver.outcome({ model: 'sum', version, prediction: 'pass', actual, dies });
    outcome('1', 'pass', 150);
    outcome('2', 'fail', 30);
    outcome('3', 'fail', 1000);
    tell(b, 50);
    await b.clock.advance(9_000);
    tell(b, 50);
    await b.clock.advance(2_000);
    // Too few until now to have a say.
    expect(b.kinds()).toEqual(['step']);
    outcome('2', 'fail', 30);
    tell(b, 100);
    await b.clock.advance(1_000);
    expect(b.kinds()).toEqual(['step', 'rolled_back']);
    expect(b.moves.at(-1)?.state.reason).toMatch(/^The drop of the accuracy is 1 /);
  });

  test('a move that cannot be saved is logged and tried again', async () => {
    const b = bench();
    tell(b, 50);
    await b.clock.advance(9_000);
    tell(b, 50);
    b.world.refuses = true;
    await b.clock.advance(3_000);
    expect([b.moves.length, b.errors.length]).toEqual([0, 3]);
    b.world.refuses = false;
    await b.clock.advance(1_000);
    expect(b.kinds()).toEqual(['step']);
  });

  test('stops a canary whose version cannot be loaded, with the reason', async () => {
    const b = bench();
    b.catalogue.markFailed('sum/2', 'it is broken');
    await b.clock.advance(1_000);
    expect(b.aborts).toEqual(['it is broken']);
  });

  test('stops a canary whose version is given a rest by its circuit, and no other', async () => {
    const b = bench();
    b.driver.circuitOpened('sum', '1');
    b.driver.circuitOpened('other', '2');
    expect(b.aborts).toEqual([]);
    b.driver.circuitOpened('sum', '2');
    await promisesSettled();
    expect(b.aborts).toEqual(['the version failed again and again']);
  });

  test('looks no more once it is stopped', async () => {
    const b = bench();
    tell(b, 100);
    b.driver.stop();
    await b.clock.advance(60_000);
    expect([b.moves.length, b.clock.timers]).toEqual([0, 0]);
  });
});
