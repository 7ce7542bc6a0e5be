import { createAssign } from '../../src/traffic/assignment.js';
import { advanceCanary, startCanary, weightsOf } from '../../src/traffic/canary.js';
import { CanaryPlanSchema, type CanaryState, isUnderWay } from '../../src/traffic/canary-plan.js';
import { VersionAccount } from '../../src/traffic/version-account.js';
import { createRandom, type Random } from '../../src/training/random.js';
import { type WaferProcess, waferOf } from './wafers.js';

/** A floor whose testers test one wafer after another. */
export interface Floor {
  readonly testers: number;
  readonly waferMinutes: number;
  readonly diesAWafer: number;
  readonly correlation: number;
}

const START = Date.UTC(2026, 0, 1);
const MINUTE = 60_000;
// Both versions of a floor that is never settled wait for ever where the plan holds on: a week is enough to see.
const MOST_MINUTES = 7 * 24 * 60;

interface Tester {
  unit: string;
  /** Whether each die of its wafer fails by the old and by the new version. */
  fails: readonly (readonly [boolean, boolean])[];
  tested: number;
}

/** How a canary ended, or stands after a week, and after how many minutes. */
export interface CanaryEnd {
  readonly status: CanaryState['status'];
  readonly step: number;
  readonly minutes: number;
}

/**
 * One canary on a floor: every minute the testers test their dies, and the canary is looked at.
 * @param changes of the default plan
 */
export function runCanary(
  floor: Floor,
  rates: readonly [baseline: number, candidate: number],
  changes: Readonly<Record<string, unknown>>,
  random: Random,
): CanaryEnd {
  const plan = CanaryPlanSchema.parse({ from: '1', to: '2', ...changes });
  let { state } = startCanary(plan, new Date(START));
  let accounts = [new VersionAccount('1'), new VersionAccount('2')] as const;
  const testers = Array.from({ length: floor.testers }, () => newWafer(floor, rates, random));
  // Testers do not begin their wafers at the same moment.
  for (const tester of testers) tester.tested = random.below(floor.diesAWafer);
  const perMinute = floor.diesAWafer / floor.waferMinutes;
  for (let minute = 1; minute <= MOST_MINUTES; minute++) {
    const nowMs = START + minute * MINUTE;
    const assign = createAssign('m', { by: 'wafer_id', weights: { ...weightsOf(state) } });
    for (const tester of testers) {
      for (let n = 0; n < perMinute; n++) {
        if (tester.tested >= tester.fails.length) Object.assign(tester, newWafer(floor, rates, random));
        const isNew = assign({ die_id: 'd', wafer_id: tester.unit }) === '2';
        const [old = false, fresh = false] = tester.fails[tester.tested++] ?? [];
        const atMs = nowMs - MINUTE + (n / perMinute) * MINUTE;
        accounts[isNew ? 1 : 0].recordDie(0.5, (isNew ? fresh : old) ? 'fail' : 'pass', 2, tester.unit, atMs);
      }
    }
    const move = advanceCanary(state, { baseline: accounts[0], candidate: accounts[1] }, new Date(nowMs));
    const begunAnew = move.state.stepSince !== state.stepSince;
    state = move.state;
    if (!isUnderWay(state) || state.status === 'paused')
      return { status: state.status, step: state.step, minutes: minute };
    if (begunAnew) accounts = [new VersionAccount('1'), new VersionAccount('2')];
  }
  return { status: state.status, step: state.step, minutes: MOST_MINUTES };
}

function newWafer(floor: Floor, [baseline, candidate]: readonly [number, number], random: Random): Tester {
  const process = (rate: number): WaferProcess => ({
    rate,
    correlation: floor.correlation,
    dies: floor.diesAWafer,
  });
  const old = waferOf(process(baseline), random);
  const fresh = waferOf(process(candidate), random);
  return {
    unit: `wafer ${random.below(2 ** 31)}`,
    fails: old.map((fails, die) => [fails, fresh[die] ?? false] as const),
    tested: 0,
  };
}

/** Shares of canaries by how they ended, and how long those took that were rolled back. */
export function runCanaries(
  floor: Floor,
  rates: readonly [number, number],
  changes: Readonly<Record<string, unknown>>,
  runs: number,
  seed: string,
) {
  const random = createRandom(`truth/canaries/${seed}`);
  const ends = Array.from({ length: runs }, () => runCanary(floor, rates, changes, random));
  const share = (status: CanaryState['status']) => ends.filter((end) => end.status === status).length / runs;
  const medianMinutes = (stopped: (end: CanaryEnd) => boolean) => {
    const minutes = ends.filter(stopped).map((end) => end.minutes);
    return minutes.sort((a, b) => a - b)[Math.floor(minutes.length / 2)];
  };
  return {
    completed: share('completed'),
    paused: share('paused'),
    rolledBack: share('rolled_back'),
    medianMinutesToRollBack: medianMinutes(({ status }) => status === 'rolled_back'),
    medianMinutesToStop: medianMinutes(({ status }) => status !== 'completed'),
  };
}
