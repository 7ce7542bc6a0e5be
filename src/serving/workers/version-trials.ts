import type { Member } from './member.js';
import type { OpenVersion } from './open-version.js';
import { OPEN_ATTEMPTS } from './versions-by-worker.js';
import { WorkerLost } from './worker-process.js';

/** A load ends in vain when so many processes that were started for it were lost before they had all other versions. */
const COMING_ATTEMPTS = 5;

/** Who waits for a worker to try a version with. */
interface Waiting {
  readonly take: (member: Member) => void;
  readonly fail: (error: unknown) => void;
  /** Processes that were lost on their way to it. */
  losses: number;
}

/** A version that opened, and the worker that has it. */
export interface Tried {
  readonly version: OpenVersion;
  readonly member: Member;
}

/** Versions that are tried, and the workers that are lent for it. */
export class VersionTrials {
  readonly #waiting: Waiting[] = [];
  readonly #lent = new Set<Member>();

  isLent(member: Member): boolean {
    return this.#lent.has(member);
  }

  /**
   * Tries a version, on another worker once more where one was lost over it. The worker stays lent until it is given back.
   * @param ask called when somebody begins to wait: `lend` is due
   * @throws what `attempt` throws
   */
  async run(attempt: (member: Member) => Promise<OpenVersion>, ask: () => void): Promise<Tried> {
    for (let attempts = 1; ; attempts++) {
      const member = await new Promise<Member>((take, fail) => {
        this.#waiting.push({ take, fail, losses: 0 });
        ask();
      });
      try {
        return { version: await attempt(member), member };
      } catch (error) {
        this.giveBack(member);
        if (!(error instanceof WorkerLost) || attempts === OPEN_ATTEMPTS) throw error;
      }
    }
  }

  /** Gives those who wait what `find` finds: a worker that is not lent. */
  lend(find: () => Member | undefined): void {
    while (this.#waiting.length > 0) {
      const member = find();
      if (member === undefined) return;
      this.#lent.add(member);
      this.#waiting.shift()?.take(member);
    }
  }

  giveBack(member: Member): void {
    this.#lent.delete(member);
  }

  /** A worker that might have been lent is lost. */
  notComing(reason: string): void {
    for (const waiting of [...this.#waiting]) {
      if (++waiting.losses < COMING_ATTEMPTS) continue;
      this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
      waiting.fail(new WorkerLost(reason));
    }
  }

  /** Nobody is lent any more. */
  stop(error: WorkerLost): void {
    for (const { fail } of this.#waiting.splice(0)) fail(error);
  }
}
