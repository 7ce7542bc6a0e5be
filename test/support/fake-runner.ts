import type { BatchOutcome, BatchRunner, BatchToRun } from '../../src/serving/runner.js';
import { promisesSettled } from './fake-clock.js';

/** A batch that was handed to the fake runner and waits for what the test makes of it. */
export class FakeBatch {
  readonly version: string;
  readonly dies: number;
  readonly explain: boolean;
  /** First parameter of each die, as it was when the batch was handed over. */
  readonly ids: readonly number[];
  finished = false;
  readonly #params: Float32Array;
  readonly #finish: (outcome: BatchOutcome) => void;

  constructor({ version, dies, params, explain }: BatchToRun, finish: (outcome: BatchOutcome) => void) {
    this.version = version;
    this.dies = dies;
    this.explain = explain;
    this.#params = params.slice();
    const width = params.length / dies;
    this.ids = Array.from({ length: dies }, (_, die) => params[die * width] ?? Number.NaN);
    this.#finish = finish;
  }

  /** Comes back with scores: each die's first parameter; its contributions are its parameters. */
  score(runMs = 1): Promise<void> {
    const contributions = this.explain ? this.#params : undefined;
    return this.end({ kind: 'scored', scores: Float32Array.from(this.ids), contributions, runMs });
  }

  /** The model threw. */
  throw(message = 'bad index'): Promise<void> {
    return this.end({ kind: 'threw', message });
  }

  /** The worker died. */
  lose(message = 'signal SIGKILL'): Promise<void> {
    return this.end({ kind: 'lost', message });
  }

  async end(outcome: BatchOutcome): Promise<void> {
    this.finished = true;
    this.#finish(outcome);
    await promisesSettled();
  }
}

/** Workers that do nothing until the test says so. */
export class FakeRunner implements BatchRunner {
  /** Every batch handed over, in order. */
  readonly batches: FakeBatch[] = [];
  workers: number;
  /** Called with every batch as it is handed over. */
  onRun: (batch: FakeBatch) => void = () => {};
  readonly #listeners: (() => void)[] = [];
  #running: FakeBatch[] = [];

  constructor(workers = 1) {
    this.workers = workers;
  }

  get running(): FakeBatch[] {
    this.#running = this.#running.filter(({ finished }) => !finished);
    return this.#running;
  }

  get idle(): number {
    return Math.max(0, this.workers - this.running.length);
  }

  run(batch: BatchToRun): Promise<BatchOutcome> {
    if (this.idle === 0) throw new Error('a batch was handed over while no worker was idle');
    return new Promise((resolve) => {
      const handed = new FakeBatch(batch, resolve);
      this.batches.push(handed);
      this.#running.push(handed);
      this.onRun(handed);
    });
  }

  onIdle(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** Changes the number of workers and tells those who listen. */
  setWorkers(workers: number): void {
    this.workers = workers;
    for (const listener of this.#listeners) listener();
  }

  /** The batch handed over last. */
  get last(): FakeBatch {
    const last = this.batches.at(-1);
    if (last === undefined) throw new Error('no batch was handed over');
    return last;
  }
}
