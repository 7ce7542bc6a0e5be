import type { Figure } from '../scenarios/scenario.js';

/** How often and how long a scenario tries. */
export interface Effort {
  readonly sigtermRounds: number;
  readonly killRounds: number;
  /** Times that the only worker is killed, one a second. */
  readonly workerKills: number;
  /** Times that each process behind the load balancer is restarted. */
  readonly rollingRounds: number;
  readonly soakSeconds: number;
  /** What the end of the soak may be of its second tenth; a short one still warms up. */
  readonly soakFlatWithin: number;
  /** Seconds of realtime load beside the slow sockets, in each of the interleaved windows. */
  readonly slowSeconds: number;
  readonly fuzzRequests: number;
  readonly fuzzSeed: number;
  /** Seconds of load in each phase of a fault of disk, volume, clock or file descriptors. */
  readonly faultSeconds: number;
}

export const FULL: Effort = {
  sigtermRounds: 100,
  killRounds: 10,
  workerKills: 30,
  rollingRounds: 5,
  soakSeconds: 600,
  soakFlatWithin: 1.05,
  slowSeconds: 10,
  fuzzRequests: 1_000_000,
  fuzzSeed: 20_261_122,
  faultSeconds: 5,
};

export const QUICK: Effort = {
  sigtermRounds: 4,
  killRounds: 2,
  workerKills: 4,
  rollingRounds: 1,
  soakSeconds: 10,
  soakFlatWithin: 1.5,
  slowSeconds: 2,
  fuzzRequests: 10_000,
  fuzzSeed: 20_261_122,
  faultSeconds: 1,
};

/** Something that happens to a server in production, and what must be true of it afterwards. */
export interface Survival {
  readonly name: string;
  readonly question: string;
  /** What this machine lacks for it and how to get that; undefined for nothing. */
  lacks?(): string | undefined;
  run(effort: Effort): Promise<Figure[]>;
}

/** A figure of 1 when it holds and 0 when it does not, which is a miss. */
export function holds(name: string, isTrue: boolean): Figure {
  return { name, value: isTrue ? 1 : 0, unit: '(1 = yes)', atLeast: 1 };
}

/** A count of what must never happen. */
export function never(name: string, count: number): Figure {
  return { name, value: count, unit: '', atMost: 0 };
}

/** A count that is told and held to nothing. */
export function told(name: string, count: number, unit = ''): Figure {
  return { name, value: count, unit };
}
