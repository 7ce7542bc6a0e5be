import { createDieHistory } from './die-history.js';
import {
  endedAbnormally,
  isAlarm,
  isDeclaration,
  isUsable,
  partVerdict,
  replaces,
  testVerdict,
} from './flags.js';
import { createBinCounter, type Lot } from './lot.js';
import { known } from './missing.js';
import type { Part, TestResult, Wafer } from './part.js';
import type { RawRecord, RecordName, StdfRecord } from './records.js';
import {
  createTestDefaults,
  type ResolvedTest,
  type ResultRecord,
  type TestDefinition,
} from './test-defaults.js';

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
  /** Parts that were still open when the file ended, by their head and site. */
  end(): readonly Part[];
  /** What is known of the lot so far; whole after {@link end}. */
  lot(): Lot;
}

interface OpenPart {
  readonly headNum: number;
  readonly siteNum: number;
  readonly wafer: OpenWafer | undefined;
  readonly results: TestResult[];
}

interface OpenWafer extends Wafer {
  wrr: StdfRecord<'Wrr'> | undefined;
  waferId: string | undefined;
}

export function createPartAssembler(): PartAssembler {
  const open = new Map<number, OpenPart>();
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
    open.set(key, { headNum, siteNum, wafer: openWafers.get(headNum), results: [] });
    return before && leave(before);
  }

  function addResult(record: ResultRecord): void {
    const resolved = defaults.resolve(record);
    const part = open.get(siteKey(record.headNum, record.siteNum));
    const parmFlg = record.type === 'Ftr' ? 0 : record.parmFlg;
    if (part !== undefined) addResults(part.results, record, resolved);
    else if (!isDeclaration(record.testFlg, parmFlg)) oddities.orphanResults++;
  }

  function closePart(prr: StdfRecord<'Prr'>): Part {
    const key = siteKey(prr.headNum, prr.siteNum);
    const pending = open.get(key);
    if (pending === undefined) oddities.partsWithoutPir++;
    open.delete(key);
    // A failing part often has no EPS: its PRR ends the sections, if no other part is open.
    if (open.size === 0) {
      oddities.unclosedSections += openSections;
      openSections = 0;
    }
    hardBins.part(prr.hardBin, prr.partFlg);
    softBins.part(known(prr, 'softBin'), prr.partFlg);
    return finish(prr, pending?.wafer ?? openWafers.get(prr.headNum), pending?.results ?? []);
  }

  function finish(
    prr: StdfRecord<'Prr'>,
    wafer: OpenWafer | undefined,
    results: readonly TestResult[],
  ): Part {
    const index = counts.total++;
    const verdict = partVerdict(prr.partFlg);
    counts[verdict === 'pass' ? 'passed' : verdict === 'fail' ? 'failed' : 'noVerdict']++;
    if (results.length > 0) counts.withResults++;
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
  function leave({ headNum, siteNum, wafer, results }: OpenPart): Part {
    counts.notEnded++;
    if (results.length > 0) counts.withResults++;
    return { ...UNSAID, index: counts.total++, headNum, siteNum, wafer, results };
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
        defaults.pin(record);
        break;
      case 'Tsr':
        tsrs.push(record);
        defaults.summary(record);
        break;
      case 'Hbr':
        hardBins.summary(record.headNum, record.hbinNum, record.hbinCnt, known(record, 'hbinNam'));
        break;
      case 'Sbr':
        softBins.summary(record.headNum, record.sbinNum, record.sbinCnt, known(record, 'sbinNam'));
        break;
    }
  }

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
    lot: () => ({
      mir: singles.Mir,
      mrr: singles.Mrr,
      rdr: singles.Rdr,
      wcr: singles.Wcr,
      sdrs,
      pcrs,
      tsrs,
      wafers,
      tests: defaults.tests(),
      hardBins: hardBins.bins(),
      softBins: softBins.bins(),
      parts: { ...counts },
      oddities: { ...oddities },
    }),
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

/** One result for each test of the record: of an MPR a value that is no number costs its position only. */
function addResults(results: TestResult[], record: ResultRecord, { tests, limits }: ResolvedTest): void {
  const parmFlg = record.type === 'Ftr' ? 0 : record.parmFlg;
  const flagged = !isUsable(record.testFlg, parmFlg);
  tests.forEach((test: TestDefinition, i) => {
    const value = resultValue(record, i);
    results.push({
      test,
      values: value === undefined ? [] : [value],
      usable: !flagged && (value === undefined || Number.isFinite(value)),
      verdict: testVerdict(record.testFlg),
      alarm: isAlarm(record.testFlg),
      limits,
    });
  });
}

function resultValue(record: ResultRecord, i: number): number | undefined {
  if (record.type === 'Ptr') return record.result;
  return record.type === 'Mpr' ? record.rtnRslt?.[i] : undefined;
}
