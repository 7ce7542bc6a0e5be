import { describe, expect, test } from 'vitest';
import { Fault, Refusal } from '../../src/errors.js';
import { Catalogue, type LoadReport } from '../../src/models/catalogue.js';
import { ManifestSchema } from '../../src/models/manifest/manifest.js';
import { createModelVersion } from '../../src/models/model-version.js';
import { Admission, Targets } from '../../src/routing/targets.js';
import { FakeClock, promisesSettled } from '../support/fake-clock.js';
import { type ManifestInput, scaledVersion } from '../support/models.js';

const REPORT: LoadReport = {
  loadedAt: new Date(0),
  loadMs: 1,
  batching: { policy: { kind: 'any' }, dependence: undefined },
};
const versionOf = (number: string, changes: Partial<ManifestInput> = {}) => {
  const read = createModelVersion(
    ManifestSchema.parse(scaledVersion(number, changes).manifest),
    undefined,
    '/none',
  );
  return { name: 'sum', number, read };
};
const FALLBACK = { fallback: { by: 'version' as const, version: '1' } };

/** An admission over two versions, the second one lazy or not, whose loads end when the test says so. */
function bench({ lazy = false, lazyWaitMs = 0, second = {} as Partial<ManifestInput> } = {}) {
  const clock = new FakeClock();
  const catalogue = new Catalogue([versionOf('1'), versionOf('2', second)], {
    serving: { defaultModel: 'sum', models: { sum: { default: '2' } } },
    faulty: new Map(),
  });
  const loads: { resolve: () => void; reject: (error: unknown) => void }[] = [];
  const touched: string[] = [];
  const errors: unknown[] = [];
  const world = { isFull: false };
  const admission = new Admission({
    targets: new Targets(catalogue),
    clock,
    assertRoom: (key) => {
      if (world.isFull) throw new Refusal('queue_full', `${key} is full`);
    },
    lazy: {
      isLazy: () => lazy,
      touch: (key) => touched.push(key),
      load: () => new Promise((resolve, reject) => loads.push({ resolve, reject })),
    },
    lazyWaitMs,
    onError: (error) => errors.push(error),
  });
  return { clock, catalogue, admission, loads, touched, errors, world };
}

const refusal = (code: string, retryAfterSeconds?: number) =>
  expect.objectContaining({ code, retryAfterSeconds });

describe('the admission of a call', () => {
  test('lets it in where its version is ready and has room', () => {
    const { admission, catalogue, touched, world } = bench();
    catalogue.markReady('sum/2', REPORT);
    expect(admission.admit(undefined, undefined)).toMatchObject({ entry: { key: 'sum/2' }, isNamed: false });
    expect(touched).toEqual(['sum/2']);
    world.isFull = true;
    expect(() => admission.admit('sum', undefined)).toThrow(refusal('queue_full'));
  });

  test('refuses it while its version is not ready, and says when to come back', () => {
    const { admission, catalogue } = bench();
    expect(() => admission.admit(undefined, undefined)).toThrow(refusal('model_not_ready', 1));
    catalogue.markLoading('sum/2');
    expect(() => admission.admit(undefined, undefined)).toThrow('sum/2 is still being loaded');
    catalogue.markFailed('sum/2', 'it is broken');
    expect(() => admission.admit(undefined, undefined)).toThrow(refusal('model_not_ready', 10));
  });

  test('follows a swap when its body has been read; a version that was named stays that one', () => {
    const { admission, catalogue } = bench();
    for (const key of ['sum/1', 'sum/2']) catalogue.markReady(key, REPORT);
    const [open, named] = [admission.admit('sum', undefined), admission.admit('sum', '2')];
    if (open instanceof Promise || named instanceof Promise) throw new Error('no version is lazy');
    catalogue.serve({
      serving: { defaultModel: 'sum', models: { sum: { default: '1' } } },
      faulty: new Map(),
    });
    expect(admission.renew(open).entry.key).toBe('sum/1');
    expect(admission.renew(named).entry.key).toBe('sum/2');
    catalogue.remove('sum/2');
    expect(admission.renew(named), 'what is gone is refused by its queue').toBe(named);
  });
});

describe('the first call of a lazy version', () => {
  test('is told to come back at once where nobody waits, and starts its load', async () => {
    const { admission, loads, clock } = bench({ lazy: true });
    const admitted = expect(admission.admit(undefined, undefined)).rejects.toEqual(
      refusal('model_not_ready', 1),
    );
    await promisesSettled();
    await admitted;
    expect([loads.length, clock.timers]).toEqual([1, 0]);
  });

  test('waits for its load, and leaves no timer behind', async () => {
    const { admission, catalogue, loads, clock } = bench({ lazy: true, lazyWaitMs: 1000 });
    const admitted = admission.admit(undefined, undefined);
    await clock.advance(999);
    catalogue.markReady('sum/2', REPORT);
    loads[0]?.resolve();
    expect(await admitted).toMatchObject({ entry: { key: 'sum/2', state: 'ready' } });
    expect(clock.timers).toBe(0);
  });

  test('waits no longer than it may', async () => {
    const { admission, clock } = bench({ lazy: true, lazyWaitMs: 1000 });
    const admitted = expect(admission.admit(undefined, undefined)).rejects.toEqual(
      refusal('model_not_ready', 1),
    );
    await clock.advance(1000);
    await admitted;
  });

  test('is refused with the reason where the load fails; a fault of another kind is told of', async () => {
    const { admission, catalogue, loads, errors } = bench({ lazy: true, lazyWaitMs: 1000 });
    const first = expect(admission.admit(undefined, undefined)).rejects.toThrow(
      'sum/2 cannot be loaded: it is broken',
    );
    catalogue.markFailed('sum/2', 'it is broken');
    loads[0]?.reject(new Fault('invalid_model', ['it is broken']));
    await first;
    expect(errors).toEqual([]);
    catalogue.markUnloaded('sum/2');
    const second = expect(admission.admit(undefined, undefined)).rejects.toEqual(
      refusal('model_not_ready', 1),
    );
    loads[1]?.reject(new TypeError('a mistake'));
    await second;
    expect(errors).toEqual([new TypeError('a mistake')]);
  });

  test('with a fallback is let in at once, and starts its load', () => {
    const { admission, loads } = bench({ lazy: true, second: FALLBACK });
    expect(admission.admit(undefined, undefined)).toMatchObject({
      entry: { key: 'sum/2', state: 'unloaded' },
    });
    expect(loads).toHaveLength(1);
  });
});

describe('looking whether a call would be let in', () => {
  test('loads nothing', () => {
    const { admission, loads, touched, catalogue } = bench({ lazy: true });
    admission.check(undefined, undefined);
    expect([loads, touched]).toEqual([[], []]);
    catalogue.markFailed('sum/2', 'it is broken');
    expect(() => admission.check(undefined, undefined)).toThrow('it is broken');
  });
});
