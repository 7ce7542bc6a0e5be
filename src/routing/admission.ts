import { Fault, Refusal } from '../errors.js';
import type { Clock } from '../serving/clock.js';
import type { Target, Targets } from './targets.js';

export interface AdmissionOptions {
  readonly targets: Targets;
  readonly clock: Clock;
  /** @throws Refusal when so many dies more find no room in a version's queue */
  readonly assertRoom: (key: string, dies: number) => void;
  readonly lazy: {
    isLazy(name: string): boolean;
    touch(key: string): void;
    load(key: string): Promise<void>;
  };
  /** How long a call may wait for a lazy version to be loaded; 0 refuses it at once. Milliseconds. */
  readonly lazyWaitMs: number;
  readonly isClosing: () => boolean;
}

/** Decides before a body is read whether its dies may come in, and where they go. */
export class Admission {
  readonly #options: AdmissionOptions;

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /**
   * The target of a call; a promise where a lazy version is waited for.
   * @throws Refusal where there is none, it is not ready, its queue is full or the server is closing
   */
  admit(model: string | undefined, number: string | undefined): Target | Promise<Target> {
    const { targets, assertRoom, lazy, isClosing } = this.#options;
    if (isClosing()) throw new Refusal('draining', 'the server is shutting down', { retryAfterSeconds: 1 });
    const target = targets.of(model, number);
    const { entry, version } = target;
    if (entry.state === 'ready') {
      assertRoom(entry.key, 1);
      lazy.touch(entry.key);
      return target;
    }
    if (version.fallback !== undefined) return target;
    if (entry.state !== 'failed' && lazy.isLazy(entry.name))
      return this.#whenLoaded(entry.key, model, number);
    throw notReady(target);
  }

  /**
   * Whether a call would be let in, but for a full queue: without side effects.
   * @throws Refusal as `admit`
   */
  check(model: string | undefined, number: string | undefined): void {
    const { targets, lazy } = this.#options;
    const target = targets.of(model, number);
    const { entry, version } = target;
    if (entry.state === 'ready' || version.fallback !== undefined) return;
    if (entry.state !== 'failed' && lazy.isLazy(entry.name)) return;
    throw notReady(target);
  }

  async #whenLoaded(key: string, model: string | undefined, number: string | undefined): Promise<Target> {
    const { lazy, lazyWaitMs, targets, clock } = this.#options;
    // Its failure is in the catalogue, for whoever asks next.
    const loading = lazy.load(key).catch((error: unknown) => {
      if (!(error instanceof Fault)) throw error;
    });
    if (lazyWaitMs > 0) {
      await Promise.race([loading, new Promise<void>((resolve) => clock.after(lazyWaitMs, resolve))]);
      const target = targets.of(model, number);
      if (target.entry.state === 'ready') return target;
      throw notReady(target);
    }
    loading.catch(() => {});
    throw notReady(targets.of(model, number));
  }
}

function notReady({ entry: { key, state, reason } }: Target): Refusal {
  if (state === 'failed')
    return new Refusal('model_not_ready', `${key} cannot be loaded: ${reason}`, { retryAfterSeconds: 10 });
  const detail = state === 'unloaded' ? `${key} is not loaded` : `${key} is still being loaded`;
  return new Refusal('model_not_ready', detail, { retryAfterSeconds: 1 });
}
