import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Fault, Refusal } from '../../src/errors.js';
import type { AuditedChange } from '../../src/lifecycle/audit.js';
import { ModelChanges } from '../../src/lifecycle/model-changes.js';
import { ServingState } from '../../src/lifecycle/serving-state.js';
import { Catalogue, type LoadReport } from '../../src/models/catalogue.js';
import { ManifestSchema } from '../../src/models/manifest/manifest.js';
import { createModelVersion } from '../../src/models/model-version.js';
import { ServingSchema } from '../../src/models/repository/serving.js';
import { splitOf } from '../../src/routing/targets.js';
import { startCanary } from '../../src/traffic/canary.js';
import { CanaryPlanSchema } from '../../src/traffic/canary-plan.js';
import { promisesSettled } from '../support/fake-clock.js';
import { scaledVersion, temporaryFolder } from '../support/models.js';

const REPORT: LoadReport = {
  loadedAt: new Date(0),
  loadMs: 1,
  batching: { policy: { kind: 'any' }, dependence: undefined },
};
const NOW = new Date('2026-01-01T00:00:00Z');
const ADA = { id: 'ada' };

/** Changes over a catalogue whose versions load at once, and a real serving.json. */
async function bench() {
  const file = join(await temporaryFolder(), 'serving.json');
  const versions = ['1', '2', '3'].map((number) => ({
    name: 'sum',
    number,
    read: createModelVersion(ManifestSchema.parse(scaledVersion(number).manifest), undefined, '/none'),
  }));
  const serving = { defaultModel: 'sum', models: { sum: { default: '1' } } };
  const catalogue = new Catalogue(versions, { serving, faulty: new Map() });
  for (const { number } of versions) catalogue.markReady(`sum/${number}`, REPORT);
  const audited: AuditedChange[] = [];
  const broken = new Set<string>();
  const changes = new ModelChanges({
    catalogue,
    state: new ServingState(file, catalogue),
    loader: {
      load: async (key) => {
        if (broken.has(key)) throw new Fault('invalid_model', [`model ${key}: no`, 'really']);
        await promisesSettled();
        if (catalogue.entry(key)?.state !== 'ready') catalogue.markReady(key, REPORT);
      },
      unload: async (key) => {
        await promisesSettled();
        catalogue.markUnloaded(key);
      },
    },
    audit: (_, change) => audited.push(change),
    rescan: async () => {},
    onTrafficChange: () => {},
    onCanaryEvent: () => {},
    now: () => NOW,
  });
  const saved = async () => ServingSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  return { catalogue, changes, audited, broken, saved };
}

/** What has become of a change: "done", or the code that it was refused with. */
const outcomeOf = (change: Promise<unknown>) =>
  change.then(
    () => 'done',
    (error: unknown) => (error instanceof Refusal ? error.code : String(error)),
  );

describe('a promotion and an unload of the same version at the same time', () => {
  for (const turns of [0, 1, 2, 3, 4, 6, 9]) {
    test(`one of them is refused, or the version is loaded again (the unload comes ${turns} turns later)`, async () => {
      const { catalogue, changes, saved } = await bench();
      const promotion = outcomeOf(changes.promote('sum', '2', ADA));
      for (let i = 0; i < turns; i++) await promisesSettled();
      const unload = outcomeOf(changes.unload('sum', '2', ADA));
      const outcomes = [await promotion, await unload];
      for (const outcome of outcomes) expect(['done', 'change_conflict']).toContain(outcome);
      const { defaultVersion } = catalogue.model('sum');
      expect(catalogue.entry(`sum/${defaultVersion}`)?.state).toBe('ready');
      if (outcomes[0] === 'done') expect((await saved()).models.sum?.default).toBe('2');
    });
  }
});

describe('changes one after another', () => {
  test('of many at once none is lost, and each is audited with what was there before it', async () => {
    const { changes, audited, saved } = await bench();
    await Promise.all(['2', '3', '1', '2', '3'].map((number) => changes.promote('sum', number, ADA)));
    const steps = audited.map(({ from, to }) => [from, to]);
    expect(steps).toHaveLength(5);
    steps.reduce((last, [from, to]) => {
      expect(from).toBe(last);
      return String(to);
    }, '1');
    expect((await saved()).models.sum?.default).toBe(steps.at(-1)?.[1]);
  });

  test('a version that cannot be loaded is a refusal with its reasons, and changes nothing', async () => {
    const { catalogue, changes, broken, audited } = await bench();
    broken.add('sum/2');
    await expect(changes.promote('sum', '2', ADA)).rejects.toMatchObject({
      code: 'model_not_ready',
      message: 'model sum/2: no; really',
    });
    expect([catalogue.model('sum').defaultVersion, audited]).toEqual(['1', []]);
  });

  test('two roll backs at once go back once: the second one was asked for something else', async () => {
    const { catalogue, changes } = await bench();
    await changes.promote('sum', '2', ADA);
    const outcomes = await Promise.all([1, 2].map(() => outcomeOf(changes.rollBack('sum', ADA))));
    expect(outcomes).toEqual(['done', 'change_conflict']);
    expect(catalogue.model('sum').defaultVersion).toBe('1');
  });

  test('three former defaults are remembered, each once', async () => {
    const { changes, saved } = await bench();
    for (const number of ['2', '3', '1', '2', '3', '2']) await changes.promote('sum', number, ADA);
    expect((await saved()).models.sum?.previous).toEqual(['3', '1']);
  });
});

describe('a canary that was stopped while it was about to move on', () => {
  test('stays stopped', async () => {
    const { catalogue, changes } = await bench();
    const plan = CanaryPlanSchema.parse({ from: '1', to: '2', by: 'die_id' });
    await changes.startCanary('sum', plan, ADA);
    const before = catalogue.serving.models.sum?.canary ?? expect.fail('no canary');
    const move = startCanary(plan, NOW);
    const stop = outcomeOf(changes.abortCanary('sum', ADA));
    expect(await outcomeOf(changes.moveCanary('sum', before, move, { id: 'canary' }))).toBe(
      'change_conflict',
    );
    expect(await stop).toBe('done');
    expect(catalogue.serving.models.sum).toMatchObject({ default: '1', canary: { status: 'rolled_back' } });
  });
});

describe('a canary that is paused', () => {
  async function paused() {
    const made = await bench();
    const { catalogue, changes } = made;
    await changes.startCanary('sum', CanaryPlanSchema.parse({ from: '1', to: '2', steps: [50, 100] }), ADA);
    const before = catalogue.serving.models.sum?.canary ?? expect.fail('no canary');
    const state = { ...before, status: 'paused' as const };
    await changes.moveCanary('sum', before, { state, event: undefined, weights: {} }, { id: 'canary' });
    return made;
  }

  test('still gives both versions their dies, and conflicts with a split and another canary', async () => {
    const { catalogue, changes } = await paused();
    expect(splitOf(catalogue.serving.models.sum ?? {})?.weights).toEqual({ 1: 50, 2: 50 });
    expect(await outcomeOf(changes.setSplit('sum', { by: 'die_id', weights: { 3: 100 } }, ADA))).toBe(
      'change_conflict',
    );
    expect(
      await outcomeOf(changes.startCanary('sum', CanaryPlanSchema.parse({ from: '1', to: '3' }), ADA)),
    ).toBe('change_conflict');
    expect(await outcomeOf(changes.unload('sum', '2', ADA))).toBe('change_conflict');
  });

  test('goes on when somebody says so, who and why are audited', async () => {
    const { audited, changes, saved } = await paused();
    await changes.resumeCanary('sum', { next: 'step', comment: 'maps of 12 wafers look the same' }, ADA);
    expect((await saved()).models.sum?.canary).toMatchObject({ status: 'running', step: 1 });
    expect(audited.at(-1)).toMatchObject({
      action: 'canary_step',
      percent: 100,
      reason: 'ada let it go on: maps of 12 wafers look the same',
    });
  });

  test('can be stopped', async () => {
    const { catalogue, changes } = await paused();
    await changes.abortCanary('sum', ADA);
    expect(catalogue.serving.models.sum).toMatchObject({ default: '1', canary: { status: 'rolled_back' } });
  });
});
