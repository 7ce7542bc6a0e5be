import { partVerdict } from './flags.js';
import type { Wafer } from './part.js';
import type { StdfRecord } from './records.js';
import type { TestDefinition } from './test-defaults.js';

/** One bin: what the parts say, and what the file's own summary says. */
export interface BinTally {
  readonly bin: number;
  /** HBIN_NAM or SBIN_NAM; undefined where there is none. */
  readonly name: string | undefined;
  /** PRRs with this bin: touchdowns, not dies. */
  readonly parts: number;
  readonly passed: number;
  readonly failed: number;
  /** The HBR's or SBR's count: the total over all sites if there is one, else the sum of the sites. */
  readonly recordCount: number | undefined;
}

/** What a file says besides its parts. Grows while the file is read. */
export interface Lot {
  readonly mir: StdfRecord<'Mir'> | undefined;
  readonly mrr: StdfRecord<'Mrr'> | undefined;
  /** Present where the whole file is a retest of some hard bins. */
  readonly rdr: StdfRecord<'Rdr'> | undefined;
  readonly wcr: StdfRecord<'Wcr'> | undefined;
  readonly sdrs: readonly StdfRecord<'Sdr'>[];
  readonly pcrs: readonly StdfRecord<'Pcr'>[];
  readonly tsrs: readonly StdfRecord<'Tsr'>[];
  readonly wafers: readonly Wafer[];
  readonly tests: readonly TestDefinition[];
  /** In ascending order of their numbers. */
  readonly hardBins: readonly BinTally[];
  readonly softBins: readonly BinTally[];
  readonly parts: PartCounts;
  /** What did not fit together. */
  readonly oddities: Oddities;
}

/** Touchdowns by outcome; those that did not end are in none of the verdicts. */
export interface PartCounts {
  readonly total: number;
  readonly passed: number;
  readonly failed: number;
  readonly noVerdict: number;
  readonly notEnded: number;
  readonly withResults: number;
}

export interface Oddities {
  /** Results on a head and site where no part was open. */
  readonly orphanResults: number;
  /** PRRs without a PIR. */
  readonly partsWithoutPir: number;
  /** BPS that no EPS closed before a part ended. */
  readonly unclosedSections: number;
}

interface OpenTally {
  readonly bin: number;
  name: string | undefined;
  parts: number;
  passed: number;
  failed: number;
  total: number | undefined;
  sites: number | undefined;
}

/** Counts of bins: from the PRRs as they come, beside what the summary records claim. */
interface BinCounter {
  part(bin: number | undefined, partFlg: number): void;
  summary(headNum: number, bin: number, count: number, name: string | undefined): void;
  bins(): readonly BinTally[];
}

/** HEAD_NUM of a summary over all sites. */
const ALL_SITES = 255;

export function createBinCounter(): BinCounter {
  const tallies = new Map<number, OpenTally>();

  function tallyOf(bin: number): OpenTally {
    let tally = tallies.get(bin);
    if (tally === undefined) {
      tally = { bin, name: undefined, parts: 0, passed: 0, failed: 0, total: undefined, sites: undefined };
      tallies.set(bin, tally);
    }
    return tally;
  }

  return {
    part(bin, partFlg) {
      if (bin === undefined) return;
      const tally = tallyOf(bin);
      const verdict = partVerdict(partFlg);
      tally.parts++;
      if (verdict === 'pass') tally.passed++;
      if (verdict === 'fail') tally.failed++;
    },
    summary(headNum, bin, count, name) {
      const tally = tallyOf(bin);
      if (headNum === ALL_SITES) tally.total = (tally.total ?? 0) + count;
      else tally.sites = (tally.sites ?? 0) + count;
      tally.name ??= name;
    },
    bins() {
      return [...tallies.values()]
        .sort((a, b) => a.bin - b.bin)
        .map(({ total, sites, ...tally }) => ({ ...tally, recordCount: total ?? sites }));
    },
  };
}
