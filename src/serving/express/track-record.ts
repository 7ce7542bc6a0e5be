/** Runs without a fault that a version must have behind it, in workers, before it is run in the server process. */
const PROVING_RUNS = 1000;

/** A run in the server process that takes longer is a stall: every probe and every other die waits for it. Milliseconds. */
export const STALL_MS = 20;

/**
 * - `proving`: workers run its dies until it has done so often enough without a fault.
 * - `trusted`: it may be run in the server process.
 * - `barred`: a worker was lost with its dies; it stays with the workers until it is loaded anew.
 */
export type TrustLevel = 'proving' | 'trusted' | 'barred';

/**
 * Whether a version may be run in the server process: a state machine of what became of its runs. A version that crashes or
 * hangs takes a worker with it, which is replaced; the server process would be gone. So it has to have shown in workers that
 * it does neither, and one that ever did is not trusted again.
 */
export class TrackRecord {
  #runs = 0;
  #isBarred = false;

  get level(): TrustLevel {
    if (this.#isBarred) return 'barred';
    return this.#runs < PROVING_RUNS ? 'proving' : 'trusted';
  }

  /** A worker has scored a batch of it. */
  scored(): void {
    this.#runs++;
  }

  /** The model threw, or stalled the server process: trust is to be earned anew. */
  doubted(): void {
    this.#runs = 0;
  }

  /** A worker was lost with a batch of it. */
  lostWorker(): void {
    this.#isBarred = true;
  }
}
