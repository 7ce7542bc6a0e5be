import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { plainInput } from '../../../src/models/manifest/input-tensors.js';
import { Crew } from '../../../src/serving/workers/crew.js';
import type { SessionSpec } from '../../../src/serving/workers/messages.js';
import { FakeClock, promisesSettled } from '../../support/fake-clock.js';
import { FakeWorker } from '../../support/fake-worker.js';

/** What happens to a crew. */
type Event =
  /** A version is loaded that opens, or that is refused, or that ends whatever process opens it. */
  | { readonly kind: 'load'; readonly how: 'opens' | 'refused' | 'kills' }
  | { readonly kind: 'unload' | 'answer' | 'kill' | 'batch'; readonly which: number }
  | { readonly kind: 'pass'; readonly ms: number };

const which = fc.nat({ max: 7 });
const event: fc.Arbitrary<Event> = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('load' as const),
      how: fc.constantFrom('opens', 'opens', 'opens', 'refused', 'kills'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('unload' as const), which }) },
  { weight: 12, arbitrary: fc.record({ kind: fc.constant('answer' as const), which }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('kill' as const), which }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('batch' as const), which }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.constantFrom(0, 10, 1000) }),
  },
) as fc.Arbitrary<Event>;

const specOf = (number: number, how: string): SessionSpec => ({
  key: `m/${number}`,
  modelFile: how,
  inputs: [plainInput('test_params', 1)],
  parameterCount: 1,
  outputs: [{ name: 'anomaly_score', size: 1 }],
  contributionsName: undefined,
  maxBatchSize: 1,
  probes: new Float32Array(1),
});

/** A crew of fake workers, what became of its loads, and what it must never do. */
class Trial {
  readonly clock = new FakeClock();
  readonly workers: FakeWorker[] = [];
  readonly faults: string[] = [];
  readonly outcomes = new Map<string, string>();
  /** Keys that were loaded and not unloaded. */
  readonly served = new Set<string>();
  readonly crew: Crew;
  readonly places: number;
  #loads = 0;
  #isServing = false;

  constructor(places: number, standBys: number) {
    this.places = places;
    this.crew = new Crew({
      places,
      standBys,
      intraOpThreads: 1,
      clock: this.clock,
      launch: (onExit) => {
        const worker = new FakeWorker(this.workers.length + 1, onExit);
        this.workers.push(worker);
        return worker;
      },
      events: {
        started: () => {},
        placed: ({ worker }) => {
          const one = this.workers.find(({ pid }) => pid === worker.pid);
          for (const key of this.crew.served.keys())
            if (one?.sessions.get(key) !== 'warm')
              this.faults.push(`${worker.pid} was given a place without ${key}`);
        },
        lost: () => {},
        displaced: async () => {},
        left: () => {},
        refused: ({ spec }) => this.faults.push(`${spec.key} was refused while it was served`),
      },
    });
  }

  get alive(): FakeWorker[] {
    return this.workers.filter(({ isAlive }) => isAlive);
  }

  get serving(): FakeWorker[] {
    return this.alive.filter((worker) => this.crew.members.some((member) => member.worker === worker));
  }

  async start(): Promise<void> {
    const started = this.crew.start();
    await this.settled();
    await started;
  }

  /** Everybody answers until nobody is asked anything, and no timer is left. */
  async settled(): Promise<void> {
    for (let round = 0; round < 500; round++) {
      await promisesSettled();
      const busy = this.alive.filter(({ isFree }) => !isFree);
      for (const worker of busy) this.#answer(worker);
      if (busy.length > 0) continue;
      await promisesSettled();
      if (this.alive.every(({ isFree }) => isFree) && this.clock.timers === 0) return;
      await this.clock.advance(5000);
    }
    this.faults.push('it never comes to rest');
  }

  serve(): void {
    this.crew.openBeside();
    this.#isServing = true;
  }

  load(how: string): void {
    const spec = specOf(++this.#loads, how);
    const loading = this.crew.load(async (member) => {
      const { report } = await member.try(spec, () => {});
      return { spec, policy: report.policy, model: undefined };
    });
    const ended = loading.then(
      () => {
        this.outcomes.set(spec.key, 'served');
        this.served.add(spec.key);
        const having = this.serving.filter(({ sessions }) => sessions.get(spec.key) === 'warm');
        if (having.length !== this.places)
          this.faults.push(`${spec.key} is called served, ${having.length} have it`);
      },
      async (error) => {
        this.outcomes.set(spec.key, `not served: ${error instanceof Error ? error.message : error}`);
        await this.crew.close(spec.key);
      },
    );
    void ended;
  }

  async happen(event: Event): Promise<void> {
    switch (event.kind) {
      case 'load':
        this.load(event.how);
        break;
      case 'unload': {
        const key = pick([...this.served], event.which);
        if (key === undefined) break;
        this.served.delete(key);
        void this.crew.close(key);
        break;
      }
      case 'answer': {
        const worker = pick(this.alive, event.which);
        if (worker !== undefined) this.#answer(worker);
        break;
      }
      case 'kill':
        pick(this.alive, event.which)?.kill('signal SIGKILL');
        break;
      case 'batch': {
        const key = pick([...this.served], event.which);
        const member = this.crew.idle();
        if (key === undefined || member === undefined) break;
        const batch = { type: 'run', key, dies: 1, params: new Float32Array(1), explain: false } as const;
        member.worker.request(batch, 'ran', 1000).catch((error: Error) => {
          if (error.name !== 'WorkerLost' && this.served.has(key)) this.faults.push(error.message);
        });
        break;
      }
      case 'pass':
        await this.clock.advance(event.ms);
    }
    await promisesSettled();
    this.look();
  }

  /** Nobody who takes batches is asked to open anything, and nobody lacks what is served. */
  look(): void {
    for (const worker of this.serving) {
      if (this.#isServing && ['open', 'warm'].includes(worker.next?.type ?? ''))
        this.faults.push(`${worker.pid} opens a version while it takes batches`);
      for (const key of this.crew.served.keys())
        if (worker.sessions.get(key) !== 'warm')
          this.faults.push(`${worker.pid} takes batches without ${key}`);
    }
  }

  #answer(worker: FakeWorker): void {
    const { next } = worker;
    if (next?.type === 'open' && next.spec.modelFile === 'kills') worker.kill('exit code 7');
    else worker.answer();
  }
}

function pick<T>(from: readonly T[], which: number): T | undefined {
  return from[which % Math.max(1, from.length)];
}

const pids = (workers: readonly FakeWorker[]) => workers.map(({ pid }) => pid);

describe('a crew while dies are served', () => {
  it('whatever is loaded, unloaded or lost when: nobody opens anything beside taking batches, what is called served is on every worker, and all comes to rest', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 0, max: 2 }),
        fc.array(event, { maxLength: 60, size: 'max' }),
        async (places, standBys, events) => {
          const trial = new Trial(places, standBys);
          await trial.start();
          trial.load('opens');
          await trial.settled();
          trial.serve();
          for (const each of events) await trial.happen(each);
          await trial.settled();
          trial.look();
          expect(trial.faults).toEqual([]);
          expect(trial.serving).toHaveLength(places);
          const standing = trial.crew.served.size === 0 ? 0 : standBys;
          expect(trial.alive.length).toBe(places + standing);
          expect([...trial.crew.served.keys()].sort()).toEqual([...trial.served].sort());
          for (const worker of trial.alive)
            expect([...worker.sessions.keys()].sort()).toEqual([...trial.served].sort());
        },
      ),
      { numRuns: 300 },
    );
  }, 120_000);

  it('a version that cannot be opened changes nothing: who took batches does so on', async () => {
    for (const how of ['refused', 'kills']) {
      const trial = new Trial(2, 1);
      await trial.start();
      trial.load('opens');
      await trial.settled();
      trial.serve();
      const before = pids(trial.serving);
      trial.load(how);
      await trial.settled();
      expect(pids(trial.serving)).toEqual(before);
      expect(trial.outcomes.get('m/2')).toMatch(how === 'refused' ? /no model/ : /exit code 7/);
      expect(trial.crew.standingBy).toHaveLength(1);
    }
  });

  it('a load passes through all places with one process more, and leaves as many as before', async () => {
    const trial = new Trial(3, 0);
    await trial.start();
    trial.load('opens');
    await trial.settled();
    trial.serve();
    expect(trial.alive).toHaveLength(3);
    trial.load('opens');
    let most = 0;
    while (!trial.outcomes.has('m/2')) {
      await trial.happen({ kind: 'answer', which: trial.alive.findIndex(({ isFree }) => !isFree) });
      most = Math.max(most, trial.alive.length);
    }
    expect(most).toBe(4);
    await trial.settled();
    expect(pids(trial.alive)).toEqual([1, 2, 4]);
    expect(trial.faults).toEqual([]);
  });
});
