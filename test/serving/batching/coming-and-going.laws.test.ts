import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BatcherBench, type TrackedCall } from '../../support/batching.js';
import type { FakeBatch } from '../../support/fake-runner.js';

type Step =
  | { do: 'submit'; version: string; dies: number; withinMs: number | undefined; shadow: boolean }
  | { do: 'remove'; version: string }
  | { do: 'add'; version: string }
  | { do: 'finish'; which: number; how: 'score' | 'throw' | 'lose' }
  | { do: 'wait'; ms: number };

const VERSIONS = ['m/1', 'm/2'];
const LIMITS = { maxBatchSize: 8, maxQueueSize: 40, maxQueueDelayMs: 0 };
const version = fc.constantFrom(...VERSIONS);

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('submit' as const),
      version,
      dies: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 25 })),
      withinMs: fc.option(fc.integer({ min: 0, max: 30 }), { nil: undefined }),
      shadow: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('remove' as const), version }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('add' as const), version }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('finish' as const),
      which: fc.nat(8),
      how: fc.constantFrom('score' as const, 'score' as const, 'throw' as const, 'lose' as const),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 12 }) }),
  },
);

interface Submitted {
  readonly call: TrackedCall;
  readonly key: string;
  readonly shadow: boolean;
}

/** Versions come and go and are shadowed, with every batch looked at as it is handed over. */
class Turmoil {
  readonly bench: BatcherBench;
  readonly submitted: Submitted[] = [];
  readonly faults: string[] = [];
  readonly #workers: number;
  readonly #byId = new Map<number, Submitted>();
  /** Keys whose queue is closing: their last dies are being run. */
  readonly #leaving = new Set<string>();

  constructor(workers: number) {
    this.#workers = workers;
    this.bench = new BatcherBench({ workers, version: LIMITS });
    this.bench.add({ key: 'm/2', ...LIMITS });
    this.bench.runner.onRun = (batch) => this.#look(batch);
  }

  async play(steps: readonly Step[]): Promise<void> {
    for (const step of steps) {
      await this.#do(step);
      await this.bench.clock.advance(0);
    }
  }

  async end(): Promise<void> {
    for (let [batch] = this.bench.runner.running; batch !== undefined; [batch] = this.bench.runner.running) {
      await batch.score();
      await this.bench.clock.advance(100);
    }
    if (this.#leaving.size > 0) this.faults.push(`${[...this.#leaving].join()} never left`);
  }

  async #do(step: Step): Promise<void> {
    const { batcher, clock, runner } = this.bench;
    if (step.do === 'submit') {
      const deadlineAtMs = clock.nowMs() + (step.withinMs ?? 1e6);
      const { dies, shadow, version: key } = step;
      const known = batcher.has(key);
      const call = this.bench.submit(dies, { key, deadlineAtMs, shadow });
      const submitted = { call, key, shadow };
      this.submitted.push(submitted);
      for (const id of call.ids) this.#byId.set(id, submitted);
      await clock.advance(0);
      if (!known && call.state !== 'model_not_ready') this.faults.push(`accepted by ${key}, which has gone`);
    } else if (step.do === 'remove') {
      const { version: key } = step;
      if (!batcher.has(key)) return;
      this.#leaving.add(key);
      batcher.remove(key).then(() => {
        this.#leaving.delete(key);
        if (runner.running.some((batch) => batch.version === key))
          this.faults.push(`${key} has left while a batch of it runs`);
      });
    } else if (step.do === 'add') {
      if (!batcher.has(step.version) && !this.#leaving.has(step.version))
        this.bench.add({ key: step.version, ...LIMITS });
    } else if (step.do === 'finish') {
      const { running } = runner;
      await running[step.which % Math.max(1, running.length)]?.[step.how]();
    } else await clock.advance(step.ms);
  }

  #look({ ids, version: key }: FakeBatch): void {
    const calls = ids.map((id) => this.#byId.get(id));
    if (calls.some((call) => call?.key !== key)) this.faults.push('a batch of two versions');
    if (new Set(calls.map((call) => call?.shadow)).size > 1)
      this.faults.push('a batch of dies that somebody waits for and of shadows');
    if (calls[0]?.shadow !== true) return;
    const waiting = [...this.bench.batcher.waitingDies().values()].reduce((a, b) => a + b, 0);
    if (waiting > 0) this.faults.push(`a shadow runs while ${waiting} dies wait`);
    if (this.#workers > 1 && this.bench.runner.idle === 0)
      this.faults.push('a shadow has taken the last free worker');
  }
}

describe('versions that come and go, with shadows', () => {
  for (const workers of [1, 3]) {
    it(`every call ends once and rightly, no shadow is in anybody's way, and what is removed leaves (workers: ${workers})`, async () => {
      let shadowsAnswered = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 80, size: 'max' }), async (steps) => {
          const turmoil = new Turmoil(workers);
          await turmoil.play(steps);
          await turmoil.end();
          expect(turmoil.faults).toEqual([]);
          const calls = turmoil.submitted.map(({ call }) => call);
          expect(calls.map(({ settlements }) => settlements)).toEqual(calls.map(() => 1));
          for (const { call, shadow } of turmoil.submitted) {
            if (call.state !== 'answered') continue;
            expect(call.scores).toEqual(call.ids);
            if (shadow) shadowsAnswered++;
          }
          const told = turmoil.submitted.filter(
            ({ call, shadow }) => !shadow && call.state !== 'model_not_ready',
          );
          expect(turmoil.bench.outcomes, 'shadows are not told of as answers').toHaveLength(told.length);
        }),
        { numRuns: 150 },
      );
      expect(shadowsAnswered).toBeGreaterThan(50);
    });
  }
});
