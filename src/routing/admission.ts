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
  /** Told of a load that failed otherwise than a load may. */
  readonly onError: (error: unknown) => void;
}

/** Decides before a body is read whether its dies may come in, and where they go. */
export class Admission {
  readonly #options: AdmissionOptions;

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /**
   * The target of a call; a promise where a lazy version is waited for.
   * @throws Refusal where there is none, it is not ready or its queue is full
   */
  admit(model: string | undefined, number: string | undefined): Target | Promise<Target> {
    const { targets, assertRoom, lazy } = this.#options;
    const target = targets.of(model, number);
    const { entry, version } = target;
    if (entry.state === 'ready') {
      assertRoom(entry.key, 1);
      lazy.touch(entry.key);
      return target;
    }
    const isComing = entry.state !== 'failed' && lazy.isLazy(entry.name);
    if (version.fallback !== undefined) {
      // The fallback answers until then.
      if (isComing) void this.#load(entry.key);
      return target;
    }
    if (isComing) return this.#whenLoaded(entry.key, model, number);
    throw notReady(target);
  }

  /**
   * Where the dies of a call that was let in go now, when its body has been read: the version that it was
   * to go to may have been taken down since, after another one has taken its place.
   */
  renew(target: Target): Target {
    const { entry, isNamed } = target;
    try {
      const now = this.#options.targets.of(entry.name, isNamed ? entry.number : undefined);
      return now.entry.state === 'ready' || now.version.fallback !== undefined ? now : target;
    } catch {
      return target;
    }
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
    const { lazyWaitMs, targets, clock } = this.#options;
    const loading = this.#load(key);
    if (lazyWaitMs > 0) {
      let cancel = () => {};
      const patience = new Promise<void>((resolve) => {
        cancel = clock.after(lazyWaitMs, resolve);
      });
      await Promise.race([loading, patience]);
      cancel();
    }
    const target = targets.of(model, number);
    if (target.entry.state === 'ready') return target;
    throw notReady(target);
  }

  /** Loads a lazy version; a failure is in the catalogue, for whoever asks next. */
  #load(key: string): Promise<void> {
    return this.#options.lazy.load(key).catch((error: unknown) => {
      if (!(error instanceof Fault || error instanceof Refusal)) this.#options.onError(error);
    });
  }
}

function notReady({ entry: { key, state, reason } }: Target): Refusal {
  if (state === 'failed')
    return new Refusal('model_not_ready', `${key} cannot be loaded: ${reason}`, { retryAfterSeconds: 10 });
  const detail = state === 'unloaded' ? `${key} is not loaded` : `${key} is still being loaded`;
  return new Refusal('model_not_ready', detail, { retryAfterSeconds: 1 });
}
