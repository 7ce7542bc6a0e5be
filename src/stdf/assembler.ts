import { createDieHistory } from './die-history.js';
import { endedAbnormally, isDeclaration, partVerdict, replaces } from './flags.js';
import { createBinCounter, type Lot } from './lot.js';
import { known } from './missing.js';
import type { Part, Wafer } from './part.js';
import { flagsOf, NO_RESULTS, type OwnFacts, type PartResults, ResultsBuilder } from './part-results.js';
import type { RawRecord, RecordName, StdfRecord } from './records.js';
import { createResultShortcut, type Meaning, type OpenSite, type RecordShortcut } from './result-shortcut.js';
import { createTestDefaults, type ResolvedTest, type ResultRecord } from './test-defaults.js';

/** The record types that the assembler reads: what to ask the reader for. */
export const ASSEMBLED = [
  'Mir',
  'Mrr',
  'Rdr',
  'Wcr',
  'Sdr',
  'Pmr',
  'Pcr',
  'Hbr',
  'Sbr',
  'Tsr',
  'Wir',
  'Wrr',
  'Pir',
  'Prr',
  'Ptr',
  'Mpr',
  'Ftr',
  'Bps',
  'Eps',
] as const satisfies readonly RecordName[];

/**
 * Records in, parts out (stdf-v4.md sections 7 and 8). Results name no part, only a head and a site:
 * they belong to the part that is open there. Pure; memory holds the open parts, one entry for each
 * die and the summary records.
 */
export interface PartAssembler {
  /** The part that this record completed, if any. Records that it does not know are ignored. */
  push(record: StdfRecord | RawRecord): Part | undefined;
  /** The short way of result records, for the parser; what is pushed goes the long way. */
  readonly shortcut: RecordShortcut;
  /** Parts that were still open when the file ended, by their head and site. */
  end(): readonly Part[];
  /** What is known of the lot, always the same object: it grows, and is whole after {@link end}. */
  lot(): Lot;
}

interface OpenPart extends OpenSite {
  readonly headNum: number;
  readonly siteNum: number;
  readonly wafer: OpenWafer | undefined;
}

interface OpenWafer extends Wafer {
  wrr: StdfRecord<'Wrr'> | undefined;
  waferId: string | undefined;
}

export function createPartAssembler(): PartAssembler {
  const open = new Map<number, OpenPart>();
  /** Builders of parts that have ended. */
  const builders: ResultsBuilder[] = [];
  const shortcut = createResultShortcut(open);
  let revision = 0;
  let lastMeaning: Meaning | undefined;
  const openWafers = new Map<number, OpenWafer>();
  const wafers: OpenWafer[] = [];
  const defaults = createTestDefaults();
  const history = createDieHistory();
  const hardBins = createBinCounter();
  const softBins = createBinCounter();
  const sdrs: StdfRecord<'Sdr'>[] = [];
  const pcrs: StdfRecord<'Pcr'>[] = [];
  const tsrs: StdfRecord<'Tsr'>[] = [];
  const singles: { [Name in 'Mir' | 'Mrr' | 'Rdr' | 'Wcr']?: StdfRecord<Name> } = {};
  const counts = { total: 0, passed: 0, failed: 0, noVerdict: 0, notEnded: 0, withResults: 0 };
  const oddities = { orphanResults: 0, partsWithoutPir: 0, unclosedSections: 0 };
  let openSections = 0;

  function openPart({ headNum, siteNum }: StdfRecord<'Pir'>): Part | undefined {
    const key = siteKey(headNum, siteNum);
    const before = open.get(key);
    const results = builders.pop() ?? new ResultsBuilder();
    const last = shortcut.open();
    open.set(key, { headNum, siteNum, wafer: openWafers.get(headNum), results, last });
    return before && leave(before);
  }

  function resultsOf({ results: builder }: OpenPart): PartResults {
    const results = builder.finish(defaults.tests());
    builders.push(builder);
    if (results.length > 0) counts.withResults++;
    return results;
  }

  /** What the shortcut knows of a test whose definition has changed is stale. */
  function forgetStale(): void {
    if (defaults.revision() === revision) return;
    revision = defaults.revision();
    shortcut.forget();
  }

  function addResult(record: ResultRecord): void {
    const resolved = defaults.resolve(record);
    forgetStale();
    const { tests } = resolved;
    const own = ownOf(resolved);
    lastMeaning = { testNum: record.testNum, tests, own };
    const part = open.get(siteKey(record.headNum, record.siteNum));
    const parmFlg = record.type === 'Ftr' ? 0 : record.parmFlg;
    if (part === undefined) {
      if (!isDeclaration(record.testFlg, parmFlg)) oddities.orphanResults++;
      return;
    }
    const flags = flagsOf(record.testFlg, parmFlg);
    for (let i = 0; i < tests.length; i++) {
      part.results.add(tests[i]?.index ?? 0, resultValue(record, i), flags, own);
    }
  }

  function closePart(prr: StdfRecord<'Prr'>): Part {
    const key = siteKey(prr.headNum, prr.siteNum);
    const pending = open.get(key);
    open.delete(key);
    shortcut.open();
    if (pending === undefined) oddities.partsWithoutPir++;
    // A failing part often has no EPS: its PRR ends the sections, if no other part is open.
    if (open.size === 0) {
      oddities.unclosedSections += openSections;
      openSections = 0;
    }
    hardBins.part(prr.hardBin, prr.partFlg);
    softBins.part(known(prr, 'softBin'), prr.partFlg);
    const results = pending === undefined ? NO_RESULTS : resultsOf(pending);
    return finish(prr, pending?.wafer ?? openWafers.get(prr.headNum), results);
  }

  function finish(prr: StdfRecord<'Prr'>, wafer: OpenWafer | undefined, results: PartResults): Part {
    const index = counts.total++;
    const verdict = partVerdict(prr.partFlg);
    counts[verdict === 'pass' ? 'passed' : verdict === 'fail' ? 'failed' : 'noVerdict']++;
    const die = { x: known(prr, 'xCoord'), y: known(prr, 'yCoord'), partId: known(prr, 'partId') };
    const flag = replaces(prr.partFlg);
    const touch = history.touch(index, { waferKey: waferKey(wafer), ...die }, flag);
    return {
      index,
      headNum: prr.headNum,
      siteNum: prr.siteNum,
      wafer,
      end: 'ended',
      ...die,
      partTxt: known(prr, 'partTxt'),
      hardBin: prr.hardBin,
      softBin: known(prr, 'softBin'),
      partFlg: prr.partFlg,
      verdict,
      abnormal: endedAbnormally(prr.partFlg),
      numTest: prr.numTest,
      testTimeMs: known(prr, 'testT'),
      results,
      ...touch,
      retestFlagged: flag !== undefined,
    };
  }

  /** A part whose PRR never came: what it is was never said. */
  function leave(part: OpenPart): Part {
    const { headNum, siteNum, wafer } = part;
    counts.notEnded++;
    return { ...UNSAID, index: counts.total++, headNum, siteNum, wafer, results: resultsOf(part) };
  }

  function openWafer(wir: StdfRecord<'Wir'>): void {
    const wafer = { index: wafers.length, wir, wrr: undefined, waferId: known(wir, 'waferId') };
    wafers.push(wafer);
    openWafers.set(wir.headNum, wafer);
  }

  function closeWafer(wrr: StdfRecord<'Wrr'>): void {
    const wafer = openWafers.get(wrr.headNum);
    openWafers.delete(wrr.headNum);
    if (wafer === undefined) return;
    wafer.wrr = wrr;
    wafer.waferId = known(wrr, 'waferId') ?? wafer.waferId;
  }

  function addContext(record: StdfRecord): void {
    switch (record.type) {
      case 'Mir':
        singles.Mir ??= record;
        break;
      case 'Mrr':
        singles.Mrr ??= record;
        break;
      case 'Rdr':
        singles.Rdr ??= record;
        break;
      case 'Wcr':
        singles.Wcr ??= record;
        break;
      case 'Sdr':
        sdrs.push(record);
        break;
      case 'Pcr':
        pcrs.push(record);
        break;
      case 'Pmr':
        // An MPR after it may find its pins, and with them other tests, by this name.
        shortcut.forget();
        defaults.pin(record);
        break;
      case 'Tsr':
        tsrs.push(record);
        defaults.summary(record);
        forgetStale();
        break;
      case 'Hbr':
        hardBins.summary(record.headNum, record.hbinNum, record.hbinCnt, known(record, 'hbinNam'));
        break;
      case 'Sbr':
        softBins.summary(record.headNum, record.sbinNum, record.sbinCnt, known(record, 'sbinNam'));
        break;
    }
  }

  const lot: Lot = {
    get mir() {
      return singles.Mir;
    },
    get mrr() {
      return singles.Mrr;
    },
    get rdr() {
      return singles.Rdr;
    },
    get wcr() {
      return singles.Wcr;
    },
    sdrs,
    pcrs,
    tsrs,
    wafers,
    tests: defaults.tests(),
    get hardBins() {
      return hardBins.bins();
    },
    get softBins() {
      return softBins.bins();
    },
    parts: counts,
    oddities,
  };

  return {
    push(record) {
      switch (record.type) {
        case 'Ptr':
        case 'Mpr':
        case 'Ftr':
          addResult(record);
          return undefined;
        case 'Pir':
          return openPart(record);
        case 'Prr':
          return closePart(record);
        case 'Wir':
          openWafer(record);
          return undefined;
        case 'Wrr':
          closeWafer(record);
          return undefined;
        case 'Bps':
          openSections++;
          return undefined;
        case 'Eps':
          openSections = Math.max(0, openSections - 1);
          return undefined;
        case 'Raw':
          return undefined;
        default:
          addContext(record);
          return undefined;
      }
    },
    end() {
      const left = [...open.values()].map(leave);
      open.clear();
      return left;
    },
    shortcut: {
      take: shortcut.take,
      delivered(source, sub, start, end) {
        if (lastMeaning !== undefined) shortcut.learn(source, sub, start, end, lastMeaning);
        lastMeaning = undefined;
      },
    },
    lot: () => lot,
  };
}

const UNSAID = {
  end: 'not_ended',
  partId: undefined,
  partTxt: undefined,
  x: undefined,
  y: undefined,
  hardBin: undefined,
  softBin: undefined,
  partFlg: undefined,
  verdict: 'none',
  abnormal: false,
  numTest: undefined,
  testTimeMs: undefined,
  touchdown: 1,
  replaces: undefined,
  retestFlagged: false,
} as const;

/** HEAD_NUM and SITE_NUM as one number; both are U1, and SITE_NUM 0 is a site. */
function siteKey(headNum: number, siteNum: number): number {
  return headNum * 256 + siteNum;
}

/** A wafer that comes again under the same id is the same wafer; one without id is itself only. */
function waferKey(wafer: Wafer | undefined): string {
  if (wafer === undefined) return '';
  const id = known(wafer.wir, 'waferId');
  return id === undefined ? `#${wafer.index}` : `=${id}`;
}

/** What the record says otherwise than its tests do. */
function ownOf({ tests: [test], limits, display }: ResolvedTest): OwnFacts | undefined {
  const same = test === undefined || (limits === test.limits && display === test.display);
  return same ? undefined : { limits, display };
}

function resultValue(record: ResultRecord, i: number): number {
  if (record.type === 'Ptr') return record.result;
  return (record.type === 'Mpr' ? record.rtnRslt?.[i] : undefined) ?? Number.NaN;
}
