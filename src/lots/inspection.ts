import type { BinTally, Lot, Part, TestDefinition, Verdict, Wafer } from '../stdf/stdf.js';
import { StatisticsTable, type TestStatistics } from './test-statistics.js';

/** Parts and dies of a lot or of one wafer. A yield counts what was judged; undefined without any. */
export interface YieldFigures {
  /** Touchdowns that ended. */
  readonly parts: number;
  readonly withResults: number;
  /** Places, or parts by their id where they have none: touchdowns less retests. */
  readonly dies: number;
  readonly touchdownYield: number | undefined;
  /** Dies good at their first touchdown, and at their last. */
  readonly firstYield: number | undefined;
  readonly lastYield: number | undefined;
}

export interface WaferFigures extends YieldFigures {
  readonly wafer: Wafer;
}

/** Dies touched more than once. */
export interface Retests {
  readonly dies: number;
  /** Parts that replace another without PART_FLG saying so. */
  readonly unflagged: number;
  readonly flagged: number;
  /** First failed, last passed; and the other way round. */
  readonly recovered: number;
  readonly lost: number;
}

export interface InspectedBin extends BinTally {
  /** Dies whose last touchdown is in this bin. */
  readonly dies: number;
}

export interface InspectedTest {
  readonly test: TestDefinition;
  readonly statistics: TestStatistics;
}

/** What is in a lot file. */
export interface Inspection {
  readonly total: YieldFigures;
  readonly wafers: readonly WaferFigures[];
  readonly retests: Retests;
  readonly hardBins: readonly InspectedBin[];
  readonly softBins: readonly InspectedBin[];
  readonly tests: readonly InspectedTest[];
}

/** Takes a lot's parts one by one and keeps figures only: memory grows with the dies and the tests. */
export interface Inspector {
  add(part: Part): void;
  finish(lot: Lot): Inspection;
}

/** The touchdowns of one die. */
interface Die {
  readonly wafer: number | undefined;
  readonly first: Verdict;
  last: Verdict;
  hardBin: number | undefined;
  softBin: number | undefined;
  touchdowns: number;
}

interface Touchdowns {
  parts: number;
  withResults: number;
  passed: number;
  failed: number;
}

export function createInspector(): Inspector {
  /** By the index of the die's last part so far. */
  const dies = new Map<number, Die>();
  const byWafer = new Map<number | undefined, Touchdowns>();
  const statistics = new StatisticsTable();
  const flags = { flagged: 0, unflagged: 0 };

  function touchdownsOf(wafer: number | undefined): Touchdowns {
    let touchdowns = byWafer.get(wafer);
    if (touchdowns === undefined) {
      touchdowns = { parts: 0, withResults: 0, passed: 0, failed: 0 };
      byWafer.set(wafer, touchdowns);
    }
    return touchdowns;
  }

  function addDie({ index, replaces, verdict, hardBin, softBin, wafer }: Part): void {
    const die = replaces === undefined ? undefined : dies.get(replaces);
    if (die === undefined || replaces === undefined) {
      const touched = { first: verdict, last: verdict, hardBin, softBin, touchdowns: 1 };
      dies.set(index, { wafer: wafer?.index, ...touched });
      return;
    }
    dies.delete(replaces);
    dies.set(index, die);
    die.last = verdict;
    die.hardBin = hardBin;
    die.softBin = softBin;
    die.touchdowns++;
  }

  return {
    add(part) {
      statistics.add(part.results);
      if (part.end !== 'ended') return;
      const touchdowns = touchdownsOf(part.wafer?.index);
      touchdowns.parts++;
      if (part.results.length > 0) touchdowns.withResults++;
      if (part.verdict === 'pass') touchdowns.passed++;
      if (part.verdict === 'fail') touchdowns.failed++;
      if (part.replaces !== undefined) flags[part.retestFlagged ? 'flagged' : 'unflagged']++;
      addDie(part);
    },
    finish(lot) {
      const all = [...dies.values()];
      const none = { parts: 0, withResults: 0, passed: 0, failed: 0 };
      return {
        total: figuresOf(sumOf([...byWafer.values()]), all),
        wafers: lot.wafers.map((wafer) => ({
          wafer,
          ...figuresOf(
            byWafer.get(wafer.index) ?? none,
            all.filter((die) => die.wafer === wafer.index),
          ),
        })),
        retests: { ...flags, ...retestsOf(all) },
        hardBins: binsOf(
          lot.hardBins,
          all.map(({ hardBin }) => hardBin),
        ),
        softBins: binsOf(
          lot.softBins,
          all.map(({ softBin }) => softBin),
        ),
        tests: lot.tests.map((test) => ({ test, statistics: statistics.of(test.index) })),
      };
    },
  };
}

function figuresOf({ parts, withResults, passed, failed }: Touchdowns, dies: readonly Die[]): YieldFigures {
  return {
    parts,
    withResults,
    dies: dies.length,
    touchdownYield: share(passed, passed + failed),
    firstYield: yieldOf(dies.map(({ first }) => first)),
    lastYield: yieldOf(dies.map(({ last }) => last)),
  };
}

function yieldOf(verdicts: readonly Verdict[]): number | undefined {
  const good = verdicts.filter((verdict) => verdict === 'pass').length;
  return share(good, verdicts.filter((verdict) => verdict !== 'none').length);
}

function sumOf(all: readonly Touchdowns[]): Touchdowns {
  const sum = { parts: 0, withResults: 0, passed: 0, failed: 0 };
  for (const { parts, withResults, passed, failed } of all) {
    sum.parts += parts;
    sum.withResults += withResults;
    sum.passed += passed;
    sum.failed += failed;
  }
  return sum;
}

function retestsOf(all: readonly Die[]): Pick<Retests, 'dies' | 'recovered' | 'lost'> {
  return {
    dies: all.filter(({ touchdowns }) => touchdowns > 1).length,
    recovered: all.filter(({ first, last }) => first === 'fail' && last === 'pass').length,
    lost: all.filter(({ first, last }) => first === 'pass' && last === 'fail').length,
  };
}

function binsOf(bins: readonly BinTally[], last: readonly (number | undefined)[]): InspectedBin[] {
  const dies = new Map<number, number>();
  for (const bin of last) if (bin !== undefined) dies.set(bin, (dies.get(bin) ?? 0) + 1);
  return bins.map((bin) => ({ ...bin, dies: dies.get(bin.bin) ?? 0 }));
}

function share(part: number, whole: number): number | undefined {
  return whole === 0 ? undefined : part / whole;
}
