import type { Decided } from '../../models/decision/decide.js';
import type { ModelVersion } from '../../models/model-version.js';
import { createLatencies, type Latencies } from '../../replay/latencies.js';
import type { Clock } from '../../serving/clock.js';
import { type OfflineEngine, withEngine } from '../score/engine.js';
import { compareCosts, compareDecisions } from './changes.js';
import type { GateComparison } from './comparison.js';
import { type CostedDie, type Costs, costFigures } from './costs.js';
import { decisionAgreement, figuresOf, type GateDecision } from './figures.js';
import { compareGroups, type Grouping } from './groups.js';
import type { LabelledDies } from './labelled-dies.js';

/** Single-die calls of each version that are timed: enough that twenty of them lie beyond the p99. */
export const TIMED_CALLS = 2000;
const UNTIMED_CALLS = 100;

interface CompareOptions {
  readonly baseline: ModelVersion;
  readonly candidate: ModelVersion;
  readonly labelled: LabelledDies;
  /** By what dies are told apart; the data must say it. */
  readonly by: readonly Grouping[];
  /** Undefined where nobody said. */
  readonly costs: Costs | undefined;
  readonly clock: Clock;
  /** Single-die calls of each version to time, at least 1. */
  readonly timedCalls: number;
  readonly onProgress: (text: string) => void;
  readonly workerEntry?: string | undefined;
}

/** One version with a worker of its own, and the labelled dies as it reads them. */
interface Side {
  readonly version: ModelVersion;
  readonly engine: OfflineEngine;
  readonly rows: Float32Array;
}

/**
 * Runs both versions on all dies, in batches, and then times them on single dies.
 * @throws Fault `invalid_model` or `worker_failed` when a version cannot be opened
 */
export function runBothVersions(options: CompareOptions): Promise<GateComparison> {
  const { baseline, candidate, labelled, workerEntry } = options;
  const rowsOf = (side: number) => labelled.rows[side] ?? new Float32Array(0);
  return withEngine({ version: baseline, workerEntry }, (first) =>
    withEngine({ version: candidate, workerEntry }, (second) =>
      compare(
        { version: baseline, engine: first, rows: rowsOf(0) },
        { version: candidate, engine: second, rows: rowsOf(1) },
        options,
      ),
    ),
  );
}

async function compare(baseline: Side, candidate: Side, options: CompareOptions): Promise<GateComparison> {
  const { labelled, onProgress } = options;
  const { dies, passing, clustering, wafers } = labelled;
  onProgress(`scoring ${dies} dies`);
  const [scoredBefore, scoredAfter] = [await scoresOf(baseline), await scoresOf(candidate)];
  const [before, after] = [decisionsOf(scoredBefore), decisionsOf(scoredAfter)];
  const judged = { before, after, passing, wafers };
  onProgress('timing single dies');
  const [beforeMs, afterMs] = await timeSingles(baseline, candidate, options);
  const described = ({ version }: Side, scored: readonly Scored[], latencies: Latencies) => {
    const latencyMs = latencies.quantiles();
    if (latencyMs === undefined) throw new Error('no call was timed');
    const { costs } = options;
    const cost = costs && costFigures(labelledBy(scored, passing), costs);
    return { model: version.key, ...figuresOf(decisionsOf(scored), passing), latencyMs, cost };
  };
  return {
    dies,
    failingDies: dies - passing.reduce((sum, good) => sum + good, 0),
    clustering,
    agreement: decisionAgreement(before, after),
    baseline: described(baseline, scoredBefore, beforeMs),
    candidate: described(candidate, scoredAfter, afterMs),
    changes: compareDecisions(judged),
    costRise: options.costs && compareCosts(judged, options.costs),
    groups: options.by.flatMap((by) => compareGroups(by, labelled.groups[by] ?? [], judged)),
  };
}

/** A die as a version scores and decides it; undefined where it gives no answer. */
type Scored = Pick<Decided, 'prediction' | 'anomalyScore'> | undefined;

function decisionsOf(scored: readonly Scored[]): GateDecision[] {
  return scored.map((die) => die?.prediction);
}

function labelledBy(scored: readonly Scored[], passing: Uint8Array): CostedDie[] {
  return scored.map((die, i) => ({
    score: die?.anomalyScore,
    fails: die && die.prediction === 'fail',
    isGood: passing[i] === 1,
  }));
}

async function scoresOf({ version, engine, rows }: Side): Promise<Scored[]> {
  const step = engine.maxDies * version.contract.parameterCount;
  const decided: Scored[] = [];
  for (let from = 0; from < rows.length; from += step) {
    const scores = await engine.score(rows.subarray(from, from + step), false);
    for (const die of scores) {
      decided.push(die.kind === 'scored' ? version.decide(die.row, 0) : undefined);
    }
  }
  return decided;
}

/**
 * Times calls of one die each, from the call to its answer: the server's queue, the way to the worker
 * process and back, and the run; not HTTP. The versions take turns, die by die, and take turns in going
 * first, so that a busy moment of the machine meets both; each works through the dies in their order.
 */
async function timeSingles(
  baseline: Side,
  candidate: Side,
  { labelled, clock, timedCalls }: CompareOptions,
): Promise<readonly [Latencies, Latencies]> {
  const [before, after] = [createLatencies(), createLatencies()];
  const time = async ({ engine, rows, version }: Side, die: number) => {
    const width = version.contract.parameterCount;
    const row = rows.subarray(die * width, (die + 1) * width);
    const startedMs = clock.nowMs();
    await engine.score(row, false);
    return clock.nowMs() - startedMs;
  };
  for (let call = -UNTIMED_CALLS; call < timedCalls; call++) {
    const die = (call + UNTIMED_CALLS) % labelled.dies;
    const turns: [Side, Latencies][] = [
      [baseline, before],
      [candidate, after],
    ];
    if (call % 2 !== 0) turns.reverse();
    for (const [side, latencies] of turns) {
      const ms = await time(side, die);
      if (call >= 0) latencies.add(ms);
    }
  }
  return [before, after];
}
