import type { Quantiles } from '../../replay/latencies.js';
import type { CombinedShares } from '../../statistics/combined-shares.js';
import type { Gate } from './bounds.js';
import type { Changes } from './changes.js';
import type { CostFigures } from './costs.js';
import type { Clustering, VersionFigures } from './figures.js';
import type { GroupComparison } from './groups.js';
import { clusteringText, money, percentText } from './wording.js';

/** Everything that the gates look at, and what a person wants to see beside it. */
export interface GateComparison {
  readonly dies: number;
  readonly failingDies: number;
  readonly clustering: Clustering;
  readonly agreement: number;
  readonly baseline: ComparedVersion;
  readonly candidate: ComparedVersion;
  readonly changes: Changes;
  /** What a die's wrong decision costs more; undefined where nobody said what it costs. */
  readonly costRise: CombinedShares | undefined;
  /** Of each group of dies, where it was asked for. */
  readonly groups: readonly GroupComparison[];
}

interface ComparedVersion extends VersionFigures {
  /** `name/version`. */
  readonly model: string;
  /** Of single-die calls, milliseconds. */
  readonly latencyMs: Quantiles;
  /** Undefined where nobody said what a wrong decision costs. */
  readonly cost: CostFigures | undefined;
}

const VERDICTS = { holds: 'holds ', missed: 'MISSED', open: 'OPEN  ' } as const;

/** What `gate` prints for people. */
export function describeComparison(comparison: GateComparison, gates: readonly Gate[]): string {
  const { dies, failingDies, clustering, agreement, baseline, candidate } = comparison;
  const row = (name: string, text: (version: ComparedVersion) => string) =>
    `  ${name.padEnd(24)}${text(baseline).padStart(18)}${text(candidate).padStart(18)}`;
  const costRows: [string, (cost: CostFigures) => string][] = [
    ['cost of 1,000 dies', ({ per1000 }) => money(per1000)],
    ['threshold of least cost', ({ cheapestThreshold }) => cheapestThreshold.toPrecision(5)],
    ['cost of 1,000 there', ({ cheapestPer1000 }) => money(cheapestPer1000)],
  ];
  const lines = [
    `${dies} labelled dies, ${failingDies} of them fail; ${clusteringText(clustering)}`,
    row('', ({ model }) => model),
    row('accuracy', ({ accuracy }) => percentText(accuracy)),
    row('detection', ({ detectionRate }) => percentText(detectionRate)),
    row('false alarms', ({ falseAlarmRate }) => percentText(falseAlarmRate)),
    row('without an answer', ({ unanswered }) => String(unanswered)),
    row('p50 of one die, ms', ({ latencyMs }) => latencyMs.p50.toFixed(3)),
    row('p99 of one die, ms', ({ latencyMs }) => latencyMs.p99.toFixed(3)),
    ...costRows.flatMap(([name, text]) =>
      candidate.cost === undefined ? [] : [row(name, ({ cost }) => (cost === undefined ? '' : text(cost)))],
    ),
    `  the versions agree on ${percentText(agreement)} of the dies`,
    ...gates.map(({ gate, verdict, reason }) => `${VERDICTS[verdict]} ${gate.padEnd(17)}${reason}`),
  ];
  return `${lines.join('\n')}\n`;
}
