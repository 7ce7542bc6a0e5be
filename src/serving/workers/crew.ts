import type { Clock } from '../clock.js';
import { CatchUp } from './catch-up.js';
import { nextStep, type Progress, type Standing } from './crew-step.js';
import { Member, type Worker } from './member.js';
import type { OpenVersion } from './open-version.js';
import { type Tried, VersionTrials } from './version-trials.js';
import { VersionsByWorker } from './versions-by-worker.js';
import { WorkerLost } from './worker-process.js';

interface CrewOptions {
  /** Places of workers that take batches, at least 1. */
  readonly places: number;
  /** Processes that stand by, with every version open, to take the place of one that is lost. */
  readonly standBys: number;
  readonly intraOpThreads: number;
  readonly clock: Pick<Clock, 'after'>;
  /** Starts a process. @param onExit called once when it has ended, never before `launch` returns */
  readonly launch: (onExit: (reason: string) => void) => Worker;
  readonly events: CrewEvents;
}

/** What a crew tells its pool. */
interface CrewEvents {
  started(member: Member): void;
  /** Has a place, and takes batches from now on. */
  placed(member: Member): void;
  lost(member: Member, reason: string, restartInMs: number): void;
  /**
   * Another one has taken its place, between two batches.
   * @returns resolves when it has answered everything that it was asked as a worker
   */
  displaced(member: Member): Promise<void>;
  /** Has ended, as it was needed no longer. */
  left(member: Member): void;
  /** Cannot open a version that is served: its dies are answered "threw" one by one, the other versions are well. */
  refused(version: OpenVersion, reason: string): void;
}

interface Place {
  member: Member | undefined;
  /** Losses since the last batch that came back. */
  losses: number;
}

// A worker that dies again and again is started less and less often, up to this long apart.
const MAX_RESTART_DELAY_MS = 5_000;
/**
 * Who has a place and takes batches, and who has none and opens versions. While dies are served, nobody with a place opens
 * anything: those without one do, and then take the places, one after another.
 */
export class Crew {
  readonly #options: CrewOptions;
  readonly #places: Place[];
  /** Those without a place. */
  #reserve: Member[] = [];
  /** Every process that has not ended yet, also those that were let go or lost. */
  readonly #all = new Set<Member>();
  readonly #versions = new VersionsByWorker();
  readonly #trials = new VersionTrials();
  readonly #catchUp: CatchUp;
  readonly #lost = new WeakSet<Member>();
  readonly #displaced = new WeakMap<Member, Promise<void>>();
  /** Processes that are started by themselves, later. */
  #due = 0;
  #reserveLosses = 0;
  /** Loads that need a process without a place. */
  #loads = 0;
  #isUp = false;
  #opensBeside = false;
  #isClosing = false;
  #isSettling = false;

  constructor(options: CrewOptions) {
    this.#options = options;
    this.#places = Array.from({ length: options.places }, () => ({ member: undefined, losses: 0 }));
    this.#catchUp = new CatchUp({
      versions: this.#versions,
      nextFor: (member) => this.#nextFor(member),
      onStep: () => this.#settle(),
      onRefused: (version, reason) => options.events.refused(version, reason),
    });
  }

  /** Those who take batches: they have every version that is served. */
  get members(): readonly Member[] {
    return this.#places.flatMap(({ member }) => member ?? []);
  }

  /** Those who would take the place of one that is lost at once. */
  get standingBy(): readonly Member[] {
    return this.#reserve.filter((member) => ['warm', 'able'].includes(this.#progressOf(member)));
  }

  /** Process ids of those without a place. */
  get reservePids(): number[] {
    return this.#reserve.flatMap(({ worker }) => worker.pid ?? []);
  }

  /** What every worker has open. */
  get served(): ReadonlyMap<string, OpenVersion> {
    return this.#versions.served;
  }

  /** A worker that could take a batch now. */
  idle(): Member | undefined {
    return this.#places.find(({ member }) => member?.worker.isFree === true)?.member;
  }

  /** How many there are of those. */
  countIdle(): number {
    let count = 0;
    for (const { member } of this.#places) if (member?.worker.isFree === true) count++;
    return count;
  }

  /**
   * Starts a process for every place.
   * @throws WorkerLost when one does not come up
   */
  async start(): Promise<void> {
    const started = this.#places.map((place) => ({ place, member: this.#launch() }));
    await Promise.all(started.map(({ member }) => member.started));
    for (const { place, member } of started) place.member = this.#lost.has(member) ? undefined : member;
    this.#isUp = true;
    for (const member of this.members) this.#options.events.placed(member);
    this.#settle();
  }

  /** Dies are served: from now on those with a place open nothing. */
  openBeside(): void {
    this.#opensBeside = true;
    this.#settle();
  }

  /** A batch of this worker has come back: what others in its place were lost to is over. */
  answered(member: Member): void {
    for (const place of this.#places) if (place.member === member) place.losses = 0;
  }

  /**
   * Brings a version to every worker.
   * @param attempt tries it on a worker, once more on another one where that was lost over it
   * @returns resolves when every worker has it
   * @throws what `attempt` throws, WorkerRefused or WorkerLost; nothing has changed then but that some may still have it open
   */
  async load(attempt: (member: Member) => Promise<OpenVersion>): Promise<void> {
    let arrival: Promise<void> | undefined;
    this.#loads++;
    try {
      const { version, member } = await this.#tried(attempt);
      member.note(version);
      arrival = this.#versions.expect(version);
    } finally {
      this.#loads--;
      this.#settle();
    }
    await arrival;
  }

  /** Closes a version everywhere; resolves when all have, after the batches that they were given before. */
  async close(key: string): Promise<void> {
    this.#versions.remove(key);
    const closing = [...this.#all].map((member) => member.close(key));
    this.#settle();
    await Promise.all(closing);
  }

  /** Ends every process at once. */
  kill(): void {
    this.#stop();
    for (const { worker } of this.#all) worker.kill(serverEnds().message);
  }

  /** Ends every process and resolves when all are gone; a batch under way is lost. */
  async end(): Promise<void> {
    this.#stop();
    await Promise.all([...this.#all].map(({ worker }) => worker.close()));
  }

  #stop(): void {
    this.#isClosing = true;
    this.#versions.stop(serverEnds());
    this.#trials.stop(serverEnds());
  }

  #launch(): Member {
    const { launch, intraOpThreads, events } = this.#options;
    const member: Member = new Member(
      launch((reason) => this.#ended(member, reason)),
      intraOpThreads,
    );
    this.#all.add(member);
    void member.worker.exited.then(() => this.#all.delete(member));
    const told = () => events.started(member);
    member.started.then(told, () => {});
    return member;
  }

  /** Does what is to be done, until nothing is. */
  #settle(): void {
    if (!this.#isUp || this.#isClosing || this.#isSettling) return;
    this.#isSettling = true;
    do {
      for (let step = nextStep(this.#standing()); step !== undefined; step = nextStep(this.#standing())) {
        if (step.kind === 'start') this.#reserve.push(this.#launch());
        else if (step.kind === 'place') this.#place(step.place, step.reserve);
        else this.#letGo(step.reserve);
      }
      this.#trials.lend(() => (this.#opensBeside ? this.standingBy[0] : this.#places[0]?.member));
    } while (this.#versions.arriveOn(this.#places.map(({ member }) => member)));
    this.#isSettling = false;
    for (const member of this.#openers()) void this.#catchUp.begin(member);
  }

  #standing(): Standing {
    return {
      places: this.#places.map(({ member }) => {
        if (member === undefined) return 'empty';
        const isBehind = this.#opensBeside && this.#versions.arrivalThatLacks(member) !== undefined;
        return isBehind ? 'behind' : 'served';
      }),
      reserve: this.#reserve.map((member) => this.#progressOf(member)),
      due: this.#due,
      // None before the first version is served: a start has better things to do.
      standBys: this.served.size === 0 ? 0 : this.#options.standBys,
      isLoading: this.#opensBeside && this.#loads > 0,
    };
  }

  #progressOf(member: Member): Progress {
    if (!member.hasStarted || this.#versions.servedThatLacks(member) !== undefined) return 'coming';
    if (member.opening !== undefined || this.#trials.isLent(member)) return 'opening';
    return this.#versions.arrivalThatLacks(member) === undefined ? 'warm' : 'able';
  }

  #place(at: number, from: number): void {
    const [member] = this.#reserve.splice(from, 1);
    const place = this.#places[at];
    if (member === undefined || place === undefined) return;
    const before = place.member;
    place.member = member;
    this.#reserveLosses = 0;
    if (before !== undefined) {
      this.#reserve.push(before);
      this.#displaced.set(before, this.#options.events.displaced(before));
    }
    this.#options.events.placed(member);
  }

  #letGo(at: number): void {
    const [member] = this.#reserve.splice(at, 1);
    if (member === undefined) return;
    const hasAnswered = this.#displaced.get(member) ?? Promise.resolve();
    void hasAnswered.then(() => member.worker.close()).then(() => this.#options.events.left(member));
  }

  async #tried(attempt: (member: Member) => Promise<OpenVersion>): Promise<Tried> {
    const tried = await this.#trials.run(attempt, () => {
      if (this.#isClosing) this.#trials.stop(serverEnds());
      this.#settle();
    });
    this.#trials.giveBack(tried.member);
    if (this.#isClosing) throw serverEnds();
    return tried;
  }

  /** Those who may open versions now. */
  #openers(): Member[] {
    return this.#opensBeside ? [...this.#reserve] : [...this.members, ...this.#reserve];
  }

  /** What a member is to open next, if it is to open anything. */
  #nextFor(member: Member): OpenVersion | undefined {
    const isBusy = member.opening !== undefined || this.#trials.isLent(member);
    if (this.#isClosing || isBusy || !this.#openers().includes(member)) return undefined;
    const served = this.#versions.servedThatLacks(member);
    if (served !== undefined) return served;
    // One after another: two that open at once take the processor time of those who serve.
    const isTurn = !this.#opensBeside || !this.#reserve.some((one) => this.#progressOf(one) === 'opening');
    return isTurn ? this.#versions.arrivalThatLacks(member) : undefined;
  }

  /** A process has ended; which place it had may have changed since it was started. */
  #ended(member: Member, reason: string): void {
    this.#lost.add(member);
    const place = this.#places.find((one) => one.member === member);
    const isReserve = this.#reserve.includes(member);
    if (place !== undefined) place.member = undefined;
    this.#reserve = this.#reserve.filter((one) => one !== member);
    this.#trials.giveBack(member);
    // One that was let go, or never got to be one of them.
    if (this.#isClosing || (place === undefined && !isReserve)) return;
    const delayMs = restartDelayMs(place === undefined ? this.#reserveLosses++ : place.losses++);
    if (isReserve) this.#trials.notComing(reason);
    this.#startAfter(delayMs);
    this.#settle();
    this.#options.events.lost(member, reason, place?.member === undefined ? delayMs : 0);
  }

  /** Has another process started in the place of one that is lost, if it is still wanted by then. */
  #startAfter(ms: number): void {
    this.#due++;
    this.#options.clock.after(ms, () => {
      this.#due--;
      this.#settle();
    });
  }
}

function serverEnds(): WorkerLost {
  return new WorkerLost('the server process ends');
}

/** Milliseconds until a worker is started in the place of one that is lost, by how many were lost before. */
function restartDelayMs(losses: number): number {
  return losses === 0 ? 0 : Math.min(MAX_RESTART_DELAY_MS, 50 * 2 ** Math.min(losses, 10));
}
