import { Refusal } from '../errors.js';
import type { Lifecycle } from '../lifecycle/lifecycle.js';
import type { Admission } from '../routing/targets.js';
import type { Clock } from '../serving/clock.js';
import type { WorkerPool } from '../serving/workers/pool.js';

interface ReadinessOptions {
  readonly lifecycle: Pick<Lifecycle, 'missing'>;
  readonly admission: Pick<Admission, 'check'>;
  readonly workers: Pick<WorkerPool, 'ready' | 'size'>;
  readonly clock: Pick<Clock, 'nowMs'>;
  /** Why no records of dies can be kept; undefined where they can, or need not be. */
  readonly recordsProblem?: () => string | undefined;
}

/** Whether dies can be answered, and what they wait for where they cannot. */
export class Readiness {
  readonly #options: ReadinessOptions;
  #drainingSinceMs: number | undefined;

  constructor(options: ReadinessOptions) {
    this.#options = options;
  }

  get isDraining(): boolean {
    return this.#drainingSinceMs !== undefined;
  }

  /** Milliseconds since {@link drain}; 0 before it. */
  get drainingForMs(): number {
    const nowMs = this.#options.clock.nowMs();
    return nowMs - (this.#drainingSinceMs ?? nowMs);
  }

  /** Not ready from here on; dies are still answered. */
  drain(): void {
    this.#drainingSinceMs ??= this.#options.clock.nowMs();
  }

  /** What keeps GET /ready from answering 200; empty when it does. */
  missing(): string[] {
    const { lifecycle, workers, recordsProblem } = this.#options;
    const records = recordsProblem?.();
    const loading = lifecycle.missing().map((key) => `${key} is not loaded`);
    const problem = loading.length === 0 ? this.defaultProblem() : undefined;
    return [
      ...(this.isDraining ? ['the server is draining'] : []),
      ...loading,
      ...(problem === undefined ? [] : [problem]),
      ...(records === undefined ? [] : [`no records of dies can be kept: ${records}`]),
      ...(workers.ready === 0 ? [`0 of ${workers.size} workers are ready`] : []),
    ];
  }

  /** Why a die of a call that names no model is refused; undefined where it is not. */
  defaultProblem(): string | undefined {
    try {
      this.#options.admission.check(undefined, undefined);
      return undefined;
    } catch (error) {
      if (error instanceof Refusal) return error.message;
      throw error;
    }
  }
}
