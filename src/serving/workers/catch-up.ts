import type { Member } from './member.js';
import type { OpenVersion } from './open-version.js';
import type { VersionsByWorker } from './versions-by-worker.js';
import { WorkerLost, WorkerRefused } from './worker-process.js';

interface CatchUpOptions {
  readonly versions: VersionsByWorker;
  /** What a worker is to open next, if it is to open anything. */
  readonly nextFor: (member: Member) => OpenVersion | undefined;
  /** Called when a worker has come further. */
  readonly onStep: () => void;
  /** Called when a worker cannot open a version that is served. */
  readonly onRefused: (version: OpenVersion, reason: string) => void;
}

/** Has workers open what they lack, each one version after another. */
export class CatchUp {
  readonly #options: CatchUpOptions;
  readonly #under = new Set<Member>();

  constructor(options: CatchUpOptions) {
    this.#options = options;
  }

  /** Begins a round for a worker; one that is under way finds what has come meanwhile. */
  async begin(member: Member): Promise<void> {
    const { nextFor, onStep } = this.#options;
    if (this.#under.has(member)) return;
    this.#under.add(member);
    try {
      if (!member.hasStarted) {
        await member.started;
        onStep();
      }
      for (let version = nextFor(member); version !== undefined; version = nextFor(member)) {
        await this.#open(member, version);
        onStep();
      }
    } catch (error) {
      // The end of one that is lost is told by its process. Anything else must come to the same.
      if (!(error instanceof WorkerLost))
        member.worker.kill(error instanceof Error ? error.message : String(error));
    } finally {
      this.#under.delete(member);
    }
  }

  async #open(member: Member, version: OpenVersion): Promise<void> {
    const { versions, onRefused } = this.#options;
    try {
      await member.open(version);
      versions.opened(version, member);
    } catch (error) {
      if (error instanceof WorkerLost) versions.lostOver(version, error);
      if (!(error instanceof WorkerRefused)) throw error;
      if (versions.refused(version, member, error)) onRefused(version, error.message);
    }
  }
}
