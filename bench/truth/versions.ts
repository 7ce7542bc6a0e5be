import { judgeDisagreement, shareOf } from '../../src/traffic/bounds.js';
import { compareVersions } from '../../src/traffic/experiment.js';
import { PairAccount } from '../../src/traffic/pair-account.js';
import { type ExperimentRules, ExperimentRulesSchema } from '../../src/traffic/rules.js';
import { VersionAccount } from '../../src/traffic/version-account.js';
import { createRandom, type Random } from '../../src/training/random.js';
import { type WaferProcess, waferOf } from './wafers.js';

const RULES: ExperimentRules = ExperimentRulesSchema.parse({});

/** A version's account after so many wafers. */
export function accountAfter(
  version: string,
  process: WaferProcess,
  wafers: number,
  random: Random,
): VersionAccount {
  const account = new VersionAccount(version);
  for (let wafer = 0; wafer < wafers; wafer++) {
    const unit = `${version} ${random.below(2 ** 31)}`;
    waferOf(process, random).forEach((fails, die) => {
      account.recordDie(0.5, fails ? 'fail' : 'pass', 2, unit, (wafer * process.dies + die) * 250);
    });
  }
  return account;
}

/** Shares of runs, of comparisons of two versions whose true difference is known. */
export interface ComparisonRates {
  readonly rolledBack: number;
  readonly promoted: number;
  readonly significant: number;
  /** Intervals of the difference that hold the true one, of those that there are. */
  readonly covered: number;
  readonly known: number;
}

/** Compares versions again and again whose fail rates are known. */
export function compareOften(
  [baseline, candidate]: readonly [WaferProcess, WaferProcess],
  [baselineWafers, candidateWafers]: readonly [number, number],
  runs: number,
  seed: string,
): ComparisonRates {
  const random = createRandom(`truth/versions/${seed}`);
  const counts = { rolledBack: 0, promoted: 0, significant: 0, covered: 0, known: 0 };
  const truth = candidate.rate - baseline.rate;
  for (let run = 0; run < runs; run++) {
    const found = compareVersions({
      baseline: accountAfter('1', baseline, baselineWafers, random),
      candidate: accountAfter('2', candidate, candidateWafers, random),
      rules: RULES,
    });
    if (found.recommendation === 'roll_back') counts.rolledBack++;
    if (found.recommendation === 'promote') counts.promoted++;
    if (found.p_value !== null && found.p_value < 0.05) counts.significant++;
    const interval = found.fail_rate_difference;
    if (interval === null) continue;
    counts.known++;
    if (interval.low <= truth && truth <= (interval.high ?? Number.POSITIVE_INFINITY)) counts.covered++;
  }
  const share = (count: number) => count / runs;
  return {
    rolledBack: share(counts.rolledBack),
    promoted: share(counts.promoted),
    significant: share(counts.significant),
    covered: counts.known === 0 ? Number.NaN : counts.covered / counts.known,
    known: share(counts.known),
  };
}

/** Share of the intervals of a shadow's disagreement, and of an error rate, that hold the true share. */
export function coverageOfShares(process: WaferProcess, wafers: number, runs: number, seed: string) {
  const random = createRandom(`truth/shares/${seed}`);
  const covered = { disagreement: 0, errors: 0 };
  for (let run = 0; run < runs; run++) {
    const pair = new PairAccount('1', '2');
    const account = new VersionAccount('1');
    for (let wafer = 0; wafer < wafers; wafer++) {
      const unit = `${random.below(2 ** 31)}`;
      for (const marked of waferOf(process, random)) {
        const judged = { score: 0.5, decision: 'pass' as const, latencyMs: 1 };
        pair.recordDie(judged, marked ? { ...judged, decision: 'fail' } : judged, unit);
        if (marked) account.recordError(unit);
        else account.recordDie(0.5, 'pass', 1, unit, 0);
      }
    }
    const evidence = { minDies: 1, significance: RULES.significance };
    const { interval } = judgeDisagreement(pair, RULES.maxDisagreementRate, evidence);
    const errors = shareOf(account.errors, account.attempts, [account.errorSpread()], RULES.significance);
    if (interval && interval.low <= process.rate && process.rate <= interval.high) covered.disagreement++;
    if (errors && errors.low <= process.rate && process.rate <= errors.high) covered.errors++;
  }
  return { disagreement: covered.disagreement / runs, errors: covered.errors / runs };
}
