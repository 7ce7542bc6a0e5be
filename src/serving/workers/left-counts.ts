import type { CountsMessage } from '../../drift/drift-counter.js';
import type { Member } from './member.js';
import { WorkerLost, WorkerRefused } from './worker-process.js';

/** Drift counts of workers: of those that have a place, and of those whose place another one has taken. */
export class LeftCounts {
  readonly #timeoutMs: number;
  readonly #left = new Map<string, CountsMessage[]>();

  /** @param timeoutMs milliseconds within which a worker has answered the batch before and this. */
  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  /** Keeps what a worker has counted of some versions; resolves when it has answered everything that it was asked before. */
  async keep(member: Member, keys: readonly string[]): Promise<void> {
    const keep = (key: string) => (counted: CountsMessage) => {
      this.#left.set(key, [...(this.#left.get(key) ?? []), counted]);
    };
    // Also where there is nothing to count: the answer comes after those of the batches before.
    const asked = keys.length === 0 ? [''] : keys;
    await Promise.all(asked.map((key) => this.ask(member, key, key === '' ? () => {} : keep(key))));
  }

  /** Asks a worker for what it has counted of a version since the last time; one that is lost is left out: its counts are gone. */
  async ask(member: Member, key: string, receive: (counted: CountsMessage) => void): Promise<void> {
    try {
      receive(await member.worker.request({ type: 'drift', key }, 'drifted', this.#timeoutMs));
    } catch (error) {
      if (!(error instanceof WorkerLost || error instanceof WorkerRefused)) throw error;
    }
  }

  /** Hands on what was kept of a version, once. */
  take(key: string, receive: (counted: CountsMessage) => void): void {
    for (const counted of this.#left.get(key) ?? []) receive(counted);
    this.#left.delete(key);
  }

  /** Forgets a version. */
  drop(key: string): void {
    this.#left.delete(key);
  }
}
