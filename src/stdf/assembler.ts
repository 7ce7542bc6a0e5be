import {
  endedAbnormally,
  failedPositions,
  isDeclaration,
  partVerdict,
  replaces,
  withoutFail,
} from './flags.js';
import type { ResultRecord } from './limits-and-display.js';
import type { Lot } from './lot.js';
import { known } from './missing.js';
import { createOpenLot, type OpenLot } from './open-lot.js';
import type { Part, Wafer } from './part.js';
import { flagsOf, NO_RESULTS, type OwnFacts, type PartResults, ResultsBuilder } from './part-results.js';
import type { RawRecord, RecordName, StdfRecord } from './records.js';
import { createResultShortcut, type Meaning, type OpenSite, type RecordShortcut } from './result-shortcut.js';
import type { ResolvedTest } from './test-defaults.js';

/** The record types that the assembler reads: what to ask the reader for. */
export const ASSEMBLED = [
  'Far',
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
  /** The parts that this record completed, mostly none. Records that it does not know are ignored. */
  push(record: StdfRecord | RawRecord): readonly Part[];
  /** The short way of result records, for the parser; what is pushed goes the long way. */
  readonly shortcut: RecordShortcut;
  /** Parts that were still open when the file ended, by their head and site. */
  end(): readonly Part[];
  /** Takes back the memory of all results that were lent: they are valid no longer. */
  takeBack(): void;
  /**
   * The lots of the file in their order, at least one: a second FAR or MIR begins another, as in files
   * that were put together. Each is always the same object: it grows, and is whole once the next one has
   * begun, or after {@link end}.
   */
  lots(): readonly Lot[];
}

interface OpenPart extends OpenSite {
  readonly headNum: number;
  readonly siteNum: number;
  readonly wafer: Wafer | undefined;
  readonly openedAfter: number;
}

const NONE: readonly Part[] = [];

export interface AssemblerOptions {
  /**
   * Whether results are lent: valid until {@link PartAssembler.takeBack}, and not in memory of their own, which
   * costs a tenth of the time of reading a lot and is let go late.
   */
  readonly lend?: boolean;
}

export function createPartAssembler({ lend = false }: AssemblerOptions = {}): PartAssembler {
  const open = new Map<number, OpenPart>();
  /** Builders of parts that have ended. */
  const builders: ResultsBuilder[] = [];
  /** Builders of parts whose results are lent. */
  const lent: ResultsBuilder[] = [];
  const shortcut = createResultShortcut(open);
  let revision = 0;
  let lastMeaning: Meaning | undefined;
  const lots: OpenLot[] = [createOpenLot()];
  let current = lots[0] as OpenLot;
  /** Parts of the file so far. */
  let ended = 0;
  let openSections = 0;

  function openPart({ headNum, siteNum }: StdfRecord<'Pir'>): readonly Part[] {
    const key = siteKey(headNum, siteNum);
    const before = open.get(key);
    const results = builders.pop() ?? new ResultsBuilder();
    const last = shortcut.open();
    // Before the part that never ended is given out: it was not on test together with this one.
    const left = before === undefined ? NONE : [leave(before)];
    const wafer = current.wafers.at(headNum, siteNum);
    open.set(key, { headNum, siteNum, wafer, openedAfter: ended, results, last });
    return left;
  }

  function resultsOf({ results: builder }: OpenPart): PartResults {
    const { tests } = current.lot;
    const results = lend ? builder.lend(tests) : builder.finish(tests);
    (lend ? lent : builders).push(builder);
    if (results.length > 0) current.counts.withResults++;
    return results;
  }

  /** What the shortcut knows of a test whose definition has changed is stale. */
  function forgetStale(): void {
    if (current.defaults.revision() === revision) return;
    revision = current.defaults.revision();
    shortcut.forget();
  }

  function addResult(record: ResultRecord): void {
    const resolved = current.defaults.resolve(record);
    forgetStale();
    const { tests } = resolved;
    const own = ownOf(resolved);
    lastMeaning = { testNum: record.testNum, tests, own };
    const part = open.get(siteKey(record.headNum, record.siteNum));
    const parmFlg = record.type === 'Ftr' ? 0 : record.parmFlg;
    if (part === undefined) {
      if (!isDeclaration(record.testFlg, parmFlg)) current.oddities.orphanResults++;
      return;
    }
    const flags = flagsOf(record.testFlg, parmFlg);
    const failed = record.type === 'Mpr' ? failedPositions(record, resolved.limits) : undefined;
    for (let i = 0; i < tests.length; i++) {
      const ofThis = failed === undefined || failed.has(i) ? flags : withoutFail(flags);
      part.results.add(tests[i]?.index ?? 0, resultValue(record, i), ofThis, own);
    }
  }

  function closePart(prr: StdfRecord<'Prr'>): Part {
    const key = siteKey(prr.headNum, prr.siteNum);
    const pending = open.get(key);
    open.delete(key);
    shortcut.open();
    if (pending === undefined) current.oddities.partsWithoutPir++;
    // A failing part often has no EPS: its PRR ends the sections, if no other part is open.
    if (open.size === 0) {
      current.oddities.unclosedSections += openSections;
      openSections = 0;
    }
    current.part(prr);
    return finish(prr, pending, pending === undefined ? NO_RESULTS : resultsOf(pending));
  }

  function finish(prr: StdfRecord<'Prr'>, pending: OpenPart | undefined, results: PartResults): Part {
    const { counts, wafers } = current;
    const verdict = partVerdict(prr.partFlg);
    counts.total++;
    counts[verdict === 'pass' ? 'passed' : verdict === 'fail' ? 'failed' : 'noVerdict']++;
    return {
      index: ended++,
      headNum: prr.headNum,
      siteNum: prr.siteNum,
      wafer: pending === undefined ? wafers.at(prr.headNum, prr.siteNum) : pending.wafer,
      end: 'ended',
      partId: known(prr, 'partId'),
      partTxt: known(prr, 'partTxt'),
      x: known(prr, 'xCoord'),
      y: known(prr, 'yCoord'),
      hardBin: prr.hardBin,
      softBin: known(prr, 'softBin'),
      partFlg: prr.partFlg,
      verdict,
      abnormal: endedAbnormally(prr.partFlg),
      numTest: prr.numTest,
      testTimeMs: known(prr, 'testT'),
      results,
      retestFlag: replaces(prr.partFlg),
      openedAfter: pending?.openedAfter ?? ended - 1,
      lot: lots.length - 1,
    };
  }

  /** A part whose PRR never came: what it is was never said. */
  function leave(part: OpenPart): Part {
    const { headNum, siteNum, wafer, openedAfter } = part;
    current.counts.notEnded++;
    current.counts.total++;
    const results = resultsOf(part);
    const lot = lots.length - 1;
    return { ...UNSAID, index: ended++, headNum, siteNum, wafer, results, openedAfter, lot };
  }

  function leaveAll(): readonly Part[] {
    const left = [...open.values()].map(leave);
    open.clear();
    return left;
  }

  /** Whether a record is of another lot than those before it. */
  function beginsLot(record: StdfRecord<'Far' | 'Mir'>): boolean {
    const { mir, wafers, tests, parts } = current.lot;
    const untouched = parts.total === 0 && wafers.length === 0 && tests.length === 0 && open.size === 0;
    // A damaged record may look like a FAR that says another version.
    if (record.type === 'Far') return record.stdfVer === 4 && (mir !== undefined || !untouched);
    // A program that writes its MIR twice at the start has begun one lot.
    return mir !== undefined && !(untouched && mir.lotId === record.lotId);
  }

  function begin(record: StdfRecord<'Far' | 'Mir'>): readonly Part[] {
    const other = beginsLot(record);
    const left = other ? leaveAll() : NONE;
    if (other) {
      current = createOpenLot();
      lots.push(current);
      openSections = 0;
      revision = current.defaults.revision();
      // Tests are counted anew.
      shortcut.forget();
    }
    current.context(record);
    return left;
  }

  return {
    push(record) {
      switch (record.type) {
        case 'Ptr':
        case 'Mpr':
        case 'Ftr':
          addResult(record);
          return NONE;
        case 'Pir':
          return openPart(record);
        case 'Prr':
          return [closePart(record)];
        case 'Far':
        case 'Mir':
          return begin(record);
        case 'Bps':
          openSections++;
          return NONE;
        case 'Eps':
          openSections = Math.max(0, openSections - 1);
          return NONE;
        case 'Raw':
          return NONE;
        default:
          current.context(record);
          // An MPR after a PMR may find its pins, and with them other tests, by this name.
          if (record.type === 'Pmr') shortcut.forget();
          forgetStale();
          return NONE;
      }
    },
    end: leaveAll,
    takeBack() {
      builders.push(...lent.splice(0));
    },
    shortcut: {
      take: shortcut.take,
      taken: shortcut.taken,
      delivered(source, sub, start, end) {
        if (lastMeaning !== undefined) shortcut.learn(source, sub, start, end, lastMeaning);
        lastMeaning = undefined;
      },
    },
    lots: () => lots.map(({ lot }) => lot),
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
  retestFlag: undefined,
} as const;

/** HEAD_NUM and SITE_NUM as one number; both are U1, and SITE_NUM 0 is a site. */
function siteKey(headNum: number, siteNum: number): number {
  return headNum * 256 + siteNum;
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
