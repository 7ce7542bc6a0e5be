import type { BinTally, FlagVerdict, Lot, Part, TestDefinition, Wafer } from '../stdf/stdf.js';
import { createDieRegister, type DieNaming, type Dies } from './dies/die-register.js';
import { createLimitWatch, type LimitChanges } from './limit-watch.js';
import { claimsOf, createPartCounter, type LotClaim } from './lot-claims.js';
import { createPartGroups, type GroupFigures, siteName } from './part-groups.js';
import { combined, StatisticsTable, type TestStatistics } from './test-statistics.js';

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

interface WaferFigures extends YieldFigures {
  readonly wafer: Wafer;
}

/** Dies touched more than once. */
interface Retests {
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
  /** Apart for each site, by its name, where there are several. */
  readonly sites: ReadonlyMap<string, TestStatistics>;
  /** Where its limits were not the same for all parts: which held from which part on. */
  readonly limitChanges: LimitChanges | undefined;
}

/** What is in a lot file. */
export interface Inspection {
  /** In ascending order of head and site, as `1/0`. */
  readonly sites: readonly GroupFigures[];
  /** What summary records say and the parts do not. */
  readonly claims: readonly LotClaim[];
  readonly total: YieldFigures;
  readonly wafers: readonly WaferFigures[];
  readonly retests: Retests;
  readonly hardBins: readonly InspectedBin[];
  readonly softBins: readonly InspectedBin[];
  readonly tests: readonly InspectedTest[];
  /** How the dies are told apart. */
  readonly naming: DieNaming;
}

/** Takes a lot's parts one by one and keeps figures only: memory grows with the dies and the tests. */
export interface Inspector {
  add(part: Part): void;
  finish(lot: Lot): Inspection;
}

/** What is kept of a part. */
type Touched = Pick<Part, 'wafer' | 'verdict' | 'hardBin' | 'softBin' | 'retestFlag'>;

/** One die, as its first and its last touchdown had it. */
interface Die {
  readonly wafer: number | undefined;
  readonly first: FlagVerdict;
  readonly last: FlagVerdict;
  readonly hardBin: number | undefined;
  readonly softBin: number | undefined;
  readonly touchdowns: number;
}

interface Touchdowns {
  parts: number;
  withResults: number;
  passed: number;
  failed: number;
}

export function createInspector(): Inspector {
  const register = createDieRegister();
  /** By the entries of the register. */
  const touched: Touched[] = [];
  const statistics = new Map<string, StatisticsTable>();
  const limits = createLimitWatch();
  const withResults = new Map<number | undefined, number>();

  const sites = createPartGroups();
  const counter = createPartCounter();

  function statisticsOf(site: string): StatisticsTable {
    let table = statistics.get(site);
    if (table === undefined) {
      table = new StatisticsTable();
      statistics.set(site, table);
    }
    return table;
  }

  /** Statistics of a test, by site where it has results. */
  function bySite({ index }: TestDefinition): [site: string, of: TestStatistics][] {
    return [...statistics].flatMap(([site, table]) => {
      const of = table.of(index);
      return of.results === 0 ? [] : [[site, of]];
    });
  }

  return {
    add(part) {
      const site = siteName(part);
      statisticsOf(site).add(part.results);
      limits.add(part);
      if (part.end !== 'ended') return;
      sites.add(part, site);
      counter.add(part);
      const wafer = part.wafer?.index;
      if (part.results.length > 0) withResults.set(wafer, (withResults.get(wafer) ?? 0) + 1);
      const { verdict, hardBin, softBin, retestFlag } = part;
      touched[register.add(part)] = { wafer: part.wafer, verdict, hardBin, softBin, retestFlag };
    },
    finish(lot) {
      const dies = register.finish();
      const all = diesOf(touched, dies);
      const none = { parts: 0, withResults: 0, passed: 0, failed: 0 };
      const byWafer = touchdownsByWafer(touched, withResults);
      const wafers = lot.wafers.map((wafer) => ({
        wafer,
        ...figuresOf(
          byWafer.get(wafer.index) ?? none,
          all.filter((die) => die.wafer === wafer.index),
        ),
      }));
      const tests = lot.tests.map((test) => {
        const ofSites = bySite(test);
        return {
          test,
          statistics: combined(ofSites.map(([, of]) => of)),
          sites: new Map(statistics.size > 1 ? ofSites : []),
          limitChanges: limits.changes(test),
        };
      });
      return {
        sites: sites.figures(),
        claims: claimsOf(lot, {
          ...counter,
          resultsOf: ({ index }) => tests[index]?.statistics ?? { results: 0, failed: 0 },
        }),
        wafers,
        total: figuresOf(sumOf([...byWafer.values()]), all),
        retests: { ...flagsOf(touched, dies), ...retestsOf(all) },
        hardBins: binsOf(
          lot.hardBins,
          all.map(({ hardBin }) => hardBin),
        ),
        softBins: binsOf(
          lot.softBins,
          all.map(({ softBin }) => softBin),
        ),
        tests,
        naming: dies.naming,
      };
    },
  };
}

function diesOf(touched: readonly Touched[], { replaces, replacedBy, touchdowns }: Dies): Die[] {
  const dies: Die[] = [];
  touched.forEach((part, entry) => {
    let begin = entry;
    for (let at = entry; at >= 0; at = replaces[at] ?? -1) begin = at;
    if ((replacedBy[entry] ?? -1) >= 0) return;
    dies.push({
      wafer: part.wafer?.index,
      first: touched[begin]?.verdict ?? 'none',
      last: part.verdict,
      hardBin: part.hardBin,
      softBin: part.softBin,
      touchdowns: touchdowns[entry] ?? 1,
    });
  });
  return dies;
}

function touchdownsByWafer(
  touched: readonly Touched[],
  withResults: ReadonlyMap<number | undefined, number>,
): Map<number | undefined, Touchdowns> {
  const byWafer = new Map<number | undefined, Touchdowns>();
  for (const { wafer, verdict } of touched) {
    let touchdowns = byWafer.get(wafer?.index);
    if (touchdowns === undefined) {
      touchdowns = { parts: 0, withResults: withResults.get(wafer?.index) ?? 0, passed: 0, failed: 0 };
      byWafer.set(wafer?.index, touchdowns);
    }
    touchdowns.parts++;
    if (verdict === 'pass') touchdowns.passed++;
    if (verdict === 'fail') touchdowns.failed++;
  }
  return byWafer;
}

function flagsOf(touched: readonly Touched[], { replaces }: Dies): Pick<Retests, 'flagged' | 'unflagged'> {
  const again = touched.filter((_, entry) => (replaces[entry] ?? -1) >= 0);
  const flagged = again.filter(({ retestFlag }) => retestFlag !== undefined).length;
  return { flagged, unflagged: again.length - flagged };
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

function yieldOf(verdicts: readonly FlagVerdict[]): number | undefined {
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
