import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BatcherBench, type TrackedCall } from '../../support/batching.js';
import type { FakeBatch } from '../../support/fake-runner.js';

type Step =
  | { do: 'submit'; version: string; dies: number; withinMs: number | undefined; explain: boolean }
  | { do: 'disconnect'; which: number }
  | { do: 'finish'; which: number; how: 'score' | 'throw' | 'lose' }
  | { do: 'workers'; count: number }
  | { do: 'wait'; ms: number };

const VERSIONS = ['m/1', 'm/2'];

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('submit' as const),
      version: fc.constantFrom(...VERSIONS),
      dies: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 25 })),
      withinMs: fc.option(fc.integer({ min: 0, max: 30 }), { nil: undefined }),
      explain: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('disconnect' as const), which: fc.nat(200) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('finish' as const),
      which: fc.nat(8),
      how: fc.constantFrom('score' as const, 'score' as const, 'throw' as const, 'lose' as const),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('workers' as const), count: fc.integer({ min: 0, max: 3 }) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 12 }) }),
  },
);

interface Submitted {
  readonly call: TrackedCall;
  readonly key: string;
  readonly deadlineAtMs: number;
  readonly explain: boolean;
}

/** Everything that can happen to a batcher, in any order, with every batch looked at as it is handed over. */
class Turmoil {
  readonly bench: BatcherBench;
  readonly submitted: Submitted[] = [];
  readonly faults: string[] = [];
  readonly #byId = new Map<number, Submitted>();
  readonly #delayMs: number;

  constructor(maxQueueDelayMs: number) {
    this.#delayMs = maxQueueDelayMs;
    const limits = { maxBatchSize: 8, maxQueueSize: 40, maxQueueDelayMs };
    this.bench = new BatcherBench({ version: limits });
    this.bench.add({ key: 'm/2', ...limits });
    this.bench.runner.onRun = (batch) => this.#look(batch);
  }

  async play(steps: readonly Step[]): Promise<void> {
    for (const step of steps) {
      await this.#do(step);
      await this.bench.clock.advance(0);
      const waiting = [...this.bench.batcher.waitingDies().values()].reduce((a, b) => a + b);
      if (waiting > 2 * 40) this.faults.push(`${waiting} dies wait`);
      if (waiting > 0 && this.bench.runner.idle > 0 && this.#delayMs === 0)
        this.faults.push(`${waiting} dies wait while a worker is idle`);
    }
  }

  /** Lets everything under way come to its end. */
  async end(): Promise<void> {
    this.bench.runner.setWorkers(2);
    await this.bench.clock.advance(100);
    for (let [batch] = this.bench.runner.running; batch !== undefined; [batch] = this.bench.runner.running) {
      await batch.score();
      await this.bench.clock.advance(100);
    }
  }

  async #do(step: Step): Promise<void> {
    const { bench } = this;
    if (step.do === 'submit') {
      const deadlineAtMs = bench.clock.nowMs() + (step.withinMs ?? Number.POSITIVE_INFINITY);
      const { dies, explain, version: key } = step;
      const call = bench.submit(dies, { key, deadlineAtMs, explain });
      const submitted = { call, key, deadlineAtMs, explain };
      this.submitted.push(submitted);
      for (const id of call.ids) this.#byId.set(id, submitted);
    } else if (step.do === 'disconnect') {
      this.submitted[step.which % Math.max(1, this.submitted.length)]?.call.disconnect();
    } else if (step.do === 'finish') {
      const { running } = bench.runner;
      await running[step.which % Math.max(1, running.length)]?.[step.how]();
    } else if (step.do === 'workers') bench.runner.setWorkers(step.count);
    else await bench.clock.advance(step.ms);
  }

  #look({ ids, version, dies }: FakeBatch): void {
    if (dies > 8) this.faults.push(`a batch of ${dies}`);
    for (const id of ids) {
      const die = this.#byId.get(id);
      // The bench overwrites the rows of a settled call: an unknown id was read after that.
      if (die === undefined) this.faults.push('a row was read after its call was settled');
      else if (die.key !== version) this.faults.push(`a die of ${die.key} ran on ${version}`);
      else if (die.deadlineAtMs <= this.bench.clock.nowMs()) this.faults.push('a die ran after its deadline');
    }
  }
}

describe('whatever happens, in whatever order', () => {
  for (const delayMs of [0, 5]) {
    it(`every call is settled once, rightly, and told of once (maxQueueDelayMs ${delayMs})`, async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 80, size: 'max' }), async (steps) => {
          const turmoil = new Turmoil(delayMs);
          await turmoil.play(steps);
          await turmoil.end();
          expect(turmoil.faults).toEqual([]);
          const calls = turmoil.submitted.map(({ call }) => call);
          expect(calls.map(({ settlements }) => settlements)).toEqual(calls.map(() => 1));
          expect(turmoil.bench.outcomes).toHaveLength(calls.length);
          for (const { call, explain } of turmoil.submitted) {
            if (call.state !== 'answered') continue;
            expect(call.scores).toEqual(call.ids);
            expect(Array.from(call.scored?.contributions ?? [])).toEqual(
              explain ? call.ids.flatMap((id) => [id, id + 0.5, -id]) : [],
            );
          }
        }),
        { numRuns: 150 },
      );
    });
  }
});
