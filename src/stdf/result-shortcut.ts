import type { Source } from './decode-values.js';
import { flagsOf, type OwnFacts, type ResultsBuilder } from './part-results.js';
import type { TestDefinition } from './test-defaults.js';

/** REC_SUB of the records that hold results; REC_TYP of all three is {@link RESULT_TYP}. */
export const RESULT_TYP = 15;
const [PTR, MPR, FTR] = [10, 15, 20];

/** Where the results of the part go that is open on a head and site. */
export interface OpenSite {
  readonly results: ResultsBuilder;
  /** The record before; predicts the next one, as a program runs its tests in one order. */
  last: KnownRecord;
}

/** A result record that has been read by its fields: what the bytes around its values mean. */
export interface KnownRecord {
  readonly sub: number;
  readonly testNum: number;
  /** RTN_ICNT and RSLT_CNT of an MPR. */
  readonly counts: number;
  /** All bytes of the body that are neither value nor flags nor site, from `tailAt` to its end. */
  readonly tail: Uint8Array;
  /** Index of the test of each value. */
  readonly tests: Uint32Array;
  /** What the record says otherwise than its test. */
  readonly own: OwnFacts | undefined;
  next: KnownRecord | undefined;
}

/**
 * The short way of result records: from bytes to columns without an object for each. Within a test most
 * records differ in head, site, flags and values only; what their other bytes mean (test, limits, units)
 * was found when the first one alike was read by its fields. So a record is taken here only if it is
 * byte for byte like one that went the long way, and a difference anywhere sends it there.
 */
export interface ResultShortcut extends Pick<RecordShortcut, 'take'> {
  /** The record there has gone the long way, its fields fill it exactly: the next one alike may be taken. */
  learn(source: Source, sub: number, start: number, end: number, meaning: Meaning): void;
  /** Nothing learnt holds any longer. */
  forget(): void;
  /** To be called whenever a part begins or ends; what its {@link OpenSite} begins with. */
  open(): KnownRecord;
}

/** What the parser sees of it. */
export interface RecordShortcut {
  /** Takes the result record whose body is at `start`..`end`; false where it has to go the long way. */
  take(source: Source, sub: number, start: number, end: number): boolean;
  /** The record there has been delivered, and its fields fill it exactly. */
  delivered(source: Source, sub: number, start: number, end: number): void;
}

/** What a record that went the long way was found to mean. */
export interface Meaning {
  readonly testNum: number;
  /** The test of each value. */
  readonly tests: readonly TestDefinition[];
  readonly own: OwnFacts | undefined;
}

/** Records kept of each test number; a lot whose records are all different goes the long way. */
const KEPT = 8;

/** Bytes kept of records; then all are forgotten, so that memory is bounded whatever a file holds. */
const KEPT_BYTES = 8 * 1024 * 1024;

const EMPTY: KnownRecord = {
  sub: -1,
  testNum: -1,
  counts: 0,
  tail: new Uint8Array(0),
  tests: new Uint32Array(0),
  own: undefined,
  next: undefined,
};

/** @param sites where a part is open, by HEAD_NUM × 256 + SITE_NUM */
export function createResultShortcut(sites: ReadonlyMap<number, OpenSite>): ResultShortcut {
  /** By TEST_NUM; a new record takes the place of the oldest. */
  let byNumber = new Map<number, { readonly records: KnownRecord[]; oldest: number }>();
  let beforeFirst: KnownRecord = { ...EMPTY };
  let keptBytes = 0;
  /** Where the record before was: most often on the same site. */
  let lastKey = -1;
  let lastSite: OpenSite | undefined;

  function forget(): void {
    byNumber = new Map();
    beforeFirst = { ...EMPTY };
    keptBytes = 0;
    for (const site of sites.values()) site.last = beforeFirst;
  }

  function find(source: Source, sub: number, start: number, end: number): KnownRecord | undefined {
    const testNum = source.view.getUint32(start, source.littleEndian);
    const kept = byNumber.get(testNum);
    if (kept === undefined) return undefined;
    for (const record of kept.records) if (isLike(record, source, sub, testNum, start, end)) return record;
    return undefined;
  }

  return {
    take(source, sub, start, end) {
      // TEST_NUM, HEAD_NUM, SITE_NUM, TEST_FLG: the least that all three kinds have.
      if (end - start < 7) return false;
      const { bytes, view, littleEndian } = source;
      const key = siteAt(bytes, start);
      const site = key === lastKey ? lastSite : sites.get(key);
      if (site === undefined) return false;
      lastKey = key;
      lastSite = site;
      const { last, results } = site;
      let known = last.next;
      const testNum = view.getUint32(start, littleEndian);
      if (known === undefined || !isLike(known, source, sub, testNum, start, end)) {
        known = find(source, sub, start, end);
        if (known === undefined) return false;
        last.next = known;
      }
      site.last = known;
      const testFlg = bytes[start + 6] ?? 0;
      if (sub === PTR) {
        const flags = flagsOf(testFlg, bytes[start + 7] ?? 0);
        results.add(known.tests[0] ?? 0, view.getFloat32(start + 8, littleEndian), flags, known.own);
      } else if (sub === FTR) {
        results.add(known.tests[0] ?? 0, Number.NaN, flagsOf(testFlg, 0), known.own);
      } else {
        const flags = flagsOf(testFlg, bytes[start + 7] ?? 0);
        const from = valuesAt(known.counts, start);
        const { tests, own } = known;
        const values = known.counts & 0xffff;
        for (let i = 0; i < tests.length; i++) {
          const value = i < values ? view.getFloat32(from + 4 * i, littleEndian) : Number.NaN;
          results.add(tests[i] ?? 0, value, flags, own);
        }
      }
      return true;
    },

    learn(source, sub, start, end, { testNum, tests, own }) {
      const counts = sub === MPR ? countsAt(source, start, end) : 0;
      if (counts === undefined) return;
      const tailAt = tailOf(sub, counts, start);
      if (tailAt > end) return;
      const record = {
        sub,
        testNum,
        counts,
        tail: Uint8Array.from(source.bytes.subarray(tailAt, end)),
        tests: Uint32Array.from(tests, ({ index }) => index),
        own,
        next: undefined,
      };
      keptBytes += record.tail.length + record.tests.length * 4;
      if (keptBytes > KEPT_BYTES) forget();
      let kept = byNumber.get(testNum);
      if (kept === undefined) {
        kept = { records: [], oldest: 0 };
        byNumber.set(testNum, kept);
      }
      kept.records[kept.oldest] = record;
      kept.oldest = (kept.oldest + 1) % KEPT;
      const site = sites.get(siteAt(source.bytes, start));
      if (site === undefined) return;
      site.last.next = record;
      site.last = record;
    },

    forget,
    open() {
      lastKey = -1;
      return beforeFirst;
    },
  };
}

/** Whether the record at `start`..`end` has the same bytes as a known one, but for site, flags and values. */
function isLike(
  known: KnownRecord,
  source: Source,
  sub: number,
  testNum: number,
  start: number,
  end: number,
): boolean {
  if (known.testNum !== testNum || known.sub !== sub) return false;
  const { tail, counts } = known;
  const tailAt = tailOf(sub, counts, start);
  if (end - tailAt !== tail.length) return false;
  if (sub === MPR && countsAt(source, start, end) !== counts) return false;
  const { bytes } = source;
  for (let i = 0; i < tail.length; i++) if (tail[i] !== bytes[tailAt + i]) return false;
  return true;
}

/** HEAD_NUM and SITE_NUM as one number. */
function siteAt(bytes: Buffer, start: number): number {
  return ((bytes[start + 4] ?? 0) << 8) | (bytes[start + 5] ?? 0);
}

/** Where the bytes begin that tell records of a test apart. */
function tailOf(sub: number, counts: number, start: number): number {
  if (sub === PTR) return start + 12;
  if (sub === FTR) return start + 7;
  return valuesAt(counts, start) + 4 * (counts & 0xffff);
}

/** Where RTN_RSLT of an MPR begins: behind the nibbles of RTN_STAT. */
function valuesAt(counts: number, start: number): number {
  return start + 12 + (((counts >>> 16) + 1) >> 1);
}

/** RTN_ICNT × 65536 + RSLT_CNT of an MPR, or undefined where it ends before. */
function countsAt({ view, littleEndian }: Source, start: number, end: number): number | undefined {
  if (start + 12 > end) return undefined;
  return ((view.getUint16(start + 8, littleEndian) << 16) | view.getUint16(start + 10, littleEndian)) >>> 0;
}
