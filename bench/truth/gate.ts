import { type GateVerdict, holdToBound } from '../../src/cli/gate/bounds.js';
import { compareDecisions, type JudgedDies } from '../../src/cli/gate/changes.js';
import type { GateDecision } from '../../src/cli/gate/figures.js';
import { createRandom, type Random } from '../../src/training/random.js';
import { percent, row } from './table.js';
import { waferOf } from './wafers.js';

/** Dies that only one of two versions decides rightly, as shares of all dies. */
export interface Discordance {
  readonly lost: number;
  readonly won: number;
  /** Of two dies of one wafer, of either kind. */
  readonly correlation: number;
  readonly diesAWafer: number;
}

/** Shares of runs. */
export interface GateRates extends Record<GateVerdict, number> {
  /** The intervals that hold the true drop. */
  readonly covered: number;
  /** Where the estimate alone is beyond the bound: what a gate without an interval misses. */
  readonly missedByEstimate: number;
}

const BOUND = 0.01;
const SIGNIFICANCE = 0.05;

/** Gates a candidate again and again whose drop of accuracy is known, by a bound of one point. */
export function gateOften(process: Discordance, wafers: number, runs: number, seed: string): GateRates {
  const random = createRandom(`truth/gate/${seed}`);
  const counts = { holds: 0, missed: 0, open: 0, covered: 0, missedByEstimate: 0 };
  const truth = process.lost - process.won;
  for (let run = 0; run < runs; run++) {
    const { accuracyDrop } = compareDecisions(judgedDies(process, wafers, random));
    const { verdict, interval } = holdToBound(accuracyDrop, { most: BOUND }, SIGNIFICANCE);
    counts[verdict]++;
    if (interval === undefined || (interval.low <= truth && truth <= interval.high)) counts.covered++;
    if (accuracyDrop.value > BOUND + 1e-9) counts.missedByEstimate++;
  }
  const share = (count: number) => count / runs;
  return {
    holds: share(counts.holds),
    missed: share(counts.missed),
    open: share(counts.open),
    covered: share(counts.covered),
    missedByEstimate: share(counts.missedByEstimate),
  };
}

/** Good dies: a lost one is failed by the candidate alone, a won one by the baseline alone. */
function judgedDies(
  { lost, won, correlation, diesAWafer: dies }: Discordance,
  wafers: number,
  random: Random,
): JudgedDies {
  const before: GateDecision[] = [];
  const after: GateDecision[] = [];
  const names: string[] = [];
  const marked = (rate: number) => (rate === 0 ? [] : waferOf({ rate, correlation, dies }, random));
  for (let wafer = 0; wafer < wafers; wafer++) {
    const [losses, wins] = [marked(lost), marked(won / (1 - lost))];
    for (let die = 0; die < dies; die++) {
      const isLost = losses[die] === true;
      after.push(isLost ? 'fail' : 'pass');
      before.push(!isLost && wins[die] === true ? 'fail' : 'pass');
      names.push(`W${wafer}`);
    }
  }
  return { before, after, passing: new Uint8Array(before.length).fill(1), wafers: names };
}

/** What the gate makes of candidates whose drop is known: a table of docs/statistics.md. */
export function gateTruth(runs: number): string {
  const lines: string[] = [];
  for (const [name, lost, won] of [
    ['equal', 0.03, 0.03],
    ['equal', 0.01, 0.01],
    ['at the bound', 0.02, 0.01],
    ['2 points worse', 0.03, 0.01],
    ['2 points worse', 0.05, 0.03],
  ] as const) {
    for (const correlation of [0, 0.02, 0.12]) {
      for (const wafers of [5, 20, 50]) {
        const seed = `${lost} ${won} ${correlation} ${wafers}`;
        const found = gateOften({ lost, won, correlation, diesAWafer: 200 }, wafers, runs, seed);
        lines.push(
          row(
            `${name} (${percent(lost)}, ${percent(won)})`,
            correlation,
            `${200 * wafers} of ${wafers}`,
            percent(found.missedByEstimate),
            percent(found.missed),
            percent(found.open),
            percent(found.holds),
            percent(found.covered),
          ),
        );
      }
    }
  }
  return [
    '### A candidate against a drop of at most one point',
    '',
    '| candidate (lost, won dies) | correlation | dies of wafers | missed by the estimate alone | missed | open | holds | true drop covered |',
    '|---|---|---|---|---|---|---|---|',
    ...lines,
  ].join('\n');
}
