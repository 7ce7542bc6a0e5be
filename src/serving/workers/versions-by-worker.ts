import type { Member } from './member.js';
import type { OpenVersion } from './open-version.js';
import { WorkerLost } from './worker-process.js';

/** A version that loses this many processes, one after another, while they open it is to blame. */
export const OPEN_ATTEMPTS = 2;

/** A version that is to be on every worker before its first die. */
interface Arrival {
  readonly version: OpenVersion;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
  /** Processes that were lost over it, one after another. */
  losses: number;
}

/** Which versions are served, which are to be, and what a worker lacks of them. */
export class VersionsByWorker {
  readonly #served = new Map<string, OpenVersion>();
  readonly #arrivals = new Map<string, Arrival>();

  /** Those that every worker has. */
  get served(): ReadonlyMap<string, OpenVersion> {
    return this.#served;
  }

  /** A version of those that are served. */
  servedThatLacks(member: Member): OpenVersion | undefined {
    for (const version of this.#served.values()) if (!member.has(version)) return version;
    return undefined;
  }

  /** A version of those that are to be served. */
  arrivalThatLacks(member: Member): OpenVersion | undefined {
    for (const { version } of this.#arrivals.values()) if (!member.has(version)) return version;
    return undefined;
  }

  /**
   * Notes that a version is to be served.
   * @returns resolves when it is, and rejects when it cannot be
   */
  expect(version: OpenVersion): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#arrivals.set(version.spec.key, { version, resolve, reject, losses: 0 });
    });
  }

  /** Serves what all of these workers have. @returns whether there was any */
  arriveOn(workers: readonly (Member | undefined)[]): boolean {
    const there = [...this.#arrivals.values()].filter(({ version }) =>
      workers.every((member) => member?.has(version) === true),
    );
    for (const { version, resolve } of there) {
      this.#arrivals.delete(version.spec.key);
      this.#served.set(version.spec.key, version);
      resolve();
    }
    return there.length > 0;
  }

  /** Notes that a worker has opened a version, unless that was closed meanwhile: the worker has been told then. */
  opened(version: OpenVersion, member: Member): void {
    const arrival = this.#arrivalOf(version);
    if (arrival !== undefined) arrival.losses = 0;
    if (arrival !== undefined || this.#isServed(version)) member.note(version);
  }

  /** Notes that a worker was lost while it opened a version. */
  lostOver(version: OpenVersion, error: WorkerLost): void {
    const arrival = this.#arrivalOf(version);
    if (arrival !== undefined && ++arrival.losses === OPEN_ATTEMPTS) this.#fail(arrival, error);
  }

  /**
   * Notes that a worker cannot open a version: one that is to be served will not be.
   * @returns whether it is served all the same, by the others
   */
  refused(version: OpenVersion, member: Member, error: unknown): boolean {
    const arrival = this.#arrivalOf(version);
    if (arrival !== undefined) this.#fail(arrival, error);
    if (!this.#isServed(version)) return false;
    member.note(version);
    return true;
  }

  /** Takes a version out; one that is on its way is not served any more. */
  remove(key: string): void {
    this.#served.delete(key);
    const arrival = this.#arrivals.get(key);
    if (arrival !== undefined) this.#fail(arrival, new WorkerLost('it was closed while it was opened'));
  }

  /** Nothing arrives any more. */
  stop(error: WorkerLost): void {
    for (const arrival of [...this.#arrivals.values()]) this.#fail(arrival, error);
  }

  #isServed(version: OpenVersion): boolean {
    return this.#served.get(version.spec.key) === version;
  }

  #arrivalOf(version: OpenVersion): Arrival | undefined {
    const arrival = this.#arrivals.get(version.spec.key);
    return arrival?.version === version ? arrival : undefined;
  }

  #fail({ version, reject }: Arrival, error: unknown): void {
    this.#arrivals.delete(version.spec.key);
    reject(error);
  }
}
