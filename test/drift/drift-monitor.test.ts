import { expect, test } from 'vitest';
import { countingSpecOf } from '../../src/drift/counting-spec.js';
import { type CountsMessage, DriftCounter, toMessage } from '../../src/drift/drift-counter.js';
import { DriftMonitor } from '../../src/drift/drift-monitor.js';
import type { DriftEvent } from '../../src/drift/events.js';
import { DriftReportSchema } from '../../src/drift/report.js';
import { VersionDrift } from '../../src/drift/version-drift.js';
import { ManifestSchema } from '../../src/models/manifest/manifest.js';
import { createModelVersion, type ModelVersion } from '../../src/models/model-version.js';
import { createRandom } from '../../src/training/random.js';
import { FakeClock } from '../support/fake-clock.js';
import { manifestOf } from '../support/models.js';
import { referenceOfColumns } from './references.js';

const random = createRandom('drift monitor');
const normal = (dies: number, mean = 0) => Array.from({ length: dies }, () => mean + random.normal());
const names = ['VTN', 'IDN', 'RVIA'];

function versionOf(): ModelVersion {
  const manifest = ManifestSchema.parse({
    ...manifestOf(new Uint8Array(1), 3, { name: 'm' }),
    input: { name: 'test_params', parameters: names.map((name) => ({ name })) },
  });
  const reference = referenceOfColumns(names.map(() => normal(5000)));
  return createModelVersion(manifest, reference, '/nowhere/model.onnx');
}

/** A monitor whose one worker counts what the test sends. */
function makeMonitor(version = versionOf(), collect?: (key: string) => Promise<void>) {
  const clock = new FakeClock();
  const events: DriftEvent[] = [];
  const errors: unknown[] = [];
  const { reference } = version;
  if (reference === undefined) throw new Error('no reference');
  const decide = () => ({ prediction: 'pass', confidence: 0.9, anomalyScore: 0.5 }) as const;
  const counter = new DriftCounter(countingSpecOf({ ...version, reference }), decide, random.uniform);
  let collections = 0;
  const monitor = new DriftMonitor({
    clock,
    now: () => new Date(clock.nowMs()),
    settings: { windowMinutes: 60, stepMinutes: 5, minimumDies: 300 },
    source: {
      async collectDrift(key: string, receive: (counted: CountsMessage) => void) {
        collections++;
        await collect?.(key);
        receive(toMessage(counter.take()));
      },
    },
    observers: [
      () => {
        throw new Error('an observer that fails');
      },
      (event) => events.push(event),
    ],
    onError: (error) => errors.push(error),
    giveWay: async () => {},
  });
  monitor.add(version);
  /** Sends dies of an equipment, each parameter about its mean. */
  const send = (equipment_id: string | undefined, dies: number, means: readonly number[] = [0, 0, 0]) => {
    const labels = Array.from({ length: dies }, (_, i) => ({ die_id: `d${i}`, equipment_id }));
    const groups = monitor.groupsOf(version.key, labels);
    if (groups === undefined) throw new Error('the version is not watched');
    const params = Float32Array.from({ length: dies * 3 }, (_, i) => (means[i % 3] ?? 0) + random.normal());
    counter.count({ dies, params, rows: new Float32Array(dies).fill(0.5), groups }, clock.nowMs());
  };
  return { monitor, clock, events, errors, send, collections: () => collections, key: version.key };
}

const STEP_MS = 300_000;

test('a tester that drifts is told from the others: an event when it starts, one when it ends', async () => {
  const { monitor, clock, events, errors, send, key } = makeMonitor();
  monitor.start();
  for (let step = 0; step < 40; step++) {
    for (const tester of ['T01', 'T02', 'T03'])
      send(tester, 60, [0, tester === 'T03' && step >= 8 && step < 20 ? 1.2 : 0, 0]);
    await clock.advance(STEP_MS);
    if (step === 19) {
      const report = DriftReportSchema.parse(await monitor.report(key));
      expect(report.verdict).toBe('equipment');
      expect(report.sentence).toMatch(
        /^T03 drifts against the reference and the other equipment: 1 parameter over 0.25, most IDN/,
      );
      expect(report.active).toEqual(['equipment T03']);
      expect(report.equipment.map(({ equipment_id, drifts }) => [equipment_id, drifts])).toEqual([
        ['T01', false],
        ['T02', false],
        ['T03', true],
      ]);
    }
  }
  expect(events.map(({ event, equipment_id, reason }) => [event, equipment_id, reason])).toEqual([
    ['drift.started', 'T03', 'drifted'],
    ['drift.ended', 'T03', 'recovered'],
  ]);
  expect(events[0]?.parameters.map(({ name }) => name)).toEqual(['IDN']);
  expect(errors).toHaveLength(2);
});

test('a product that drifts is told from a tester that does', async () => {
  const { monitor, clock, events, send, key } = makeMonitor();
  monitor.start();
  for (let step = 0; step < 14; step++) {
    for (const tester of ['T01', 'T02', 'T03']) send(tester, 60, [0, 0, -1.2]);
    await clock.advance(STEP_MS);
  }
  expect(events.map(({ event, subject }) => [event, subject])).toEqual([['drift.started', 'product']]);
  const report = await monitor.report(key);
  expect(report?.verdict).toBe('product');
  expect(report?.sentence).toMatch(
    /^the product drifts \(seen by 3 equipment\): 1 parameter over 0.25, most RVIA/,
  );
  expect(report?.parameters[2]?.mean_shift).toBeCloseTo(-1.2, 1);
  const [summary] = monitor.summaries();
  expect(summary).toMatchObject({ over: { drifted: 1 }, active: 1 });
  expect(summary?.worst[0]?.name).toBe('RVIA');
});

test('nothing is said before there are dies and steps enough', async () => {
  const { monitor, clock, events, send, key } = makeMonitor();
  monitor.start();
  send('T01', 200, [5, 5, 5]);
  await clock.advance(4 * STEP_MS);
  expect(await monitor.report(key)).toMatchObject({
    verdict: 'collecting',
    sentence: 'collecting: 200 dies counted, 300 and 6 steps needed',
  });
  expect(monitor.summaries()).toMatchObject([{ dies: 200, psiMax: 0, worst: [], active: 0 }]);
  expect(events).toEqual([]);
});

test('dies leave with their step, and metrics with them', async () => {
  const { monitor, clock, send } = makeMonitor();
  monitor.start();
  send('T01', 400, [3, 0, 0]);
  await clock.advance(STEP_MS);
  expect(monitor.summaries()[0]?.worst).not.toEqual([]);
  await clock.advance(12 * STEP_MS);
  expect(monitor.summaries()).toMatchObject([{ dies: 0, psiMax: 0, worst: [] }]);
});

test('the table of one equipment is of its dies; one that sent none is refused', async () => {
  const { monitor, send, key } = makeMonitor();
  send('T01', 400);
  send('T02', 400, [2, 0, 0]);
  const report = await monitor.report(key, 'T02');
  expect(report?.of_equipment).toBe('T02');
  expect(report?.parameters[0]?.mean_shift).toBeCloseTo(2, 0);
  expect((await monitor.report(key))?.parameters[0]?.mean_shift).toBeCloseTo(1, 0);
  await expect(monitor.report(key, 'T09')).rejects.toThrow(
    'expected equipment with dies in the window (T01, T02), found "T09"',
  );
});

test('counts that come while the window is judged are in the next answer', async () => {
  const version = versionOf();
  const { reference } = version;
  if (reference === undefined) throw new Error('no reference');
  const decide = () => ({ prediction: 'pass', confidence: 0.9, anomalyScore: 0.5 }) as const;
  const counter = new DriftCounter(countingSpecOf({ ...version, reference }), decide, random.uniform);
  const counted = (dies: number): CountsMessage => {
    const params = Float32Array.from(normal(dies * 3));
    counter.count({ dies, params, rows: new Float32Array(dies), groups: new Float32Array(dies) }, 0);
    return toMessage(counter.take());
  };
  let late: CountsMessage | undefined = counted(20);
  const settings = { windowMinutes: 60, stepMinutes: 5, minimumDies: 300 };
  const drift = new VersionDrift({ ...version, reference }, settings, async () => {
    if (late !== undefined) drift.add(late);
    late = undefined;
  });
  drift.add(counted(400));
  expect((await drift.report(new Date(0))).dies).toBe(400);
  expect(late).toBeUndefined();
  expect((await drift.report(new Date(0))).dies).toBe(420);
});

test('who asks again and again is answered from the same counts', async () => {
  const { monitor, clock, key, collections } = makeMonitor();
  await Promise.all([monitor.report(key), monitor.report(key), monitor.report(key)]);
  expect(collections()).toBe(1);
  await clock.advance(1000);
  await monitor.report(key);
  expect(collections()).toBe(2);
});

test('a report waits a second for a busy worker, no longer', async () => {
  const { monitor, clock, key } = makeMonitor(versionOf(), () => new Promise(() => {}));
  const report = monitor.report(key);
  await clock.advance(1000);
  expect(await report).toMatchObject({ dies: 0, verdict: 'collecting' });
});

test('a collection that fails is told and the next one goes on', async () => {
  let fails = true;
  const { monitor, clock, send, errors } = makeMonitor(versionOf(), async () => {
    if (fails) throw new Error('the worker was lost');
  });
  monitor.start();
  send('T01', 10);
  await clock.advance(STEP_MS);
  expect(errors).toHaveLength(5);
  fails = false;
  await clock.advance(STEP_MS);
  expect(monitor.summaries()).toMatchObject([{ dies: 10 }]);
});

test('a version without a reference is not watched, and a removed one no longer', async () => {
  const { monitor, key } = makeMonitor();
  monitor.remove(key);
  monitor.add(createModelVersion(versionOf().manifest, undefined, '/nowhere'));
  expect(monitor.groupsOf(key, [])).toBeUndefined();
  expect(await monitor.report(key)).toBeUndefined();
  monitor.close();
});
