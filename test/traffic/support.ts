import { VersionAccount } from '../../src/traffic/version-account.js';
import { createRandom, type Random } from '../../src/training/random.js';

/** So far apart, dies are in one block of time each. */
const BLOCK_MS = 5_000;

/** What a version does with the dies it is asked for. */
export interface Behaviour {
  readonly failRate: number;
  readonly errorRate?: number;
  /** Latency in milliseconds is this times a lognormal of spread 0.5. */
  readonly latencyMs?: number;
}

/** Tells an account of dies that a version of this behaviour saw. */
export function observe(account: VersionAccount, dies: number, behaviour: Behaviour, random: Random): void {
  const { failRate, errorRate = 0, latencyMs = 2 } = behaviour;
  for (let i = 0; i < dies; i++) {
    if (random.chance(errorRate)) account.recordError(`die${random.below(2 ** 31)}`);
    else {
      const fails = random.chance(failRate);
      account.recordDie(
        fails ? 1 + random.uniform() : random.uniform(),
        fails ? 'fail' : 'pass',
        latencyMs * Math.exp(0.5 * random.normal()),
        `die${random.below(2 ** 31)}`,
        i * BLOCK_MS,
      );
    }
  }
}

/** An account with exact counts: the first `fails` dies fail; all take the same time. */
export function accountOf(
  version: string,
  { dies, fails = 0, errors = 0, latencyMs = 2 }: AccountCounts,
): VersionAccount {
  const account = new VersionAccount(version);
  for (let i = 0; i < dies; i++)
    account.recordDie(i / dies, i < fails ? 'fail' : 'pass', latencyMs, `${version} ${i}`, i * BLOCK_MS);
  for (let i = 0; i < errors; i++) account.recordError(`${version} error ${i}`);
  return account;
}

export interface AccountCounts {
  readonly dies: number;
  readonly fails?: number;
  readonly errors?: number;
  readonly latencyMs?: number;
}

/** A reproducible source of random numbers for a test. */
export function randomOf(name: string): Random {
  return createRandom(`test/traffic/${name}`);
}
