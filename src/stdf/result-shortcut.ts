import type { Source } from './decode-values.js';
import { HEADER_BYTES, isSound } from './framing.js';
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
interface KnownRecord {
  /** Its four header bytes as one number: length, REC_TYP and REC_SUB. */
  readonly header: number;
  /** Bytes of the record with its header. */
  readonly size: number;
  readonly sub: number;
  readonly testNum: number;
  /** RTN_ICNT and RSLT_CNT of an MPR. */
  readonly counts: number;
  /** All bytes of the body that are neither value nor flags nor site, up to its end. */
  readonly tail: Uint8Array;
  /** Index of the test of its first value. */
  readonly test: number;
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
interface ResultShortcut extends Pick<RecordShortcut, 'take' | 'taken'> {
  /** The record there has gone the long way, its fields fill it exactly: the next one alike may be taken. */
  learn(source: Source, sub: number, start: number, end: number, meaning: Meaning): void;
  /** Nothing learnt holds any longer. */
  forget(): void;
  /** To be called whenever a part begins or ends; what its {@link OpenSite} begins with. */
  open(): KnownRecord;
}

/** What the parser sees of it. */
export interface RecordShortcut {
  /**
   * Takes result records from `at` on, as long as sound records follow them whose header begins at `last` or
   * before; the position of the first that has to go the long way, or waits for more bytes.
   */
  take(source: Source, at: number, last: number): number;
  /** [256] records taken so far, by REC_SUB. */
  readonly taken: Float64Array;
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

/** Up to TEST_FLG, the least that all three kinds have, with the header. */
const LEAST_BYTES = HEADER_BYTES + 7;

const EMPTY: KnownRecord = {
  header: -1,
  size: 0,
  sub: -1,
  testNum: -1,
  counts: 0,
  tail: new Uint8Array(0),
  test: 0,
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

  function find(source: Source, at: number, last: number): KnownRecord | undefined {
    const { bytes, view, littleEndian } = source;
    if (bytes[at + 2] !== RESULT_TYP) return undefined;
    const kept = byNumber.get(view.getUint32(at + HEADER_BYTES, littleEndian));
    if (kept === undefined) return undefined;
    for (const record of kept.records) if (isLike(record, source, at, last)) return record;
    return undefined;
  }

  /** The site of the record at `at`; undefined where no part is open. */
  function switchTo(key: number): OpenSite | undefined {
    lastKey = key;
    lastSite = sites.get(key);
    return lastSite;
  }

  /** Adds the results of a record of several values. */
  function addSeveral(
    { view, bytes, littleEndian }: Source,
    at: number,
    known: KnownRecord,
    to: ResultsBuilder,
  ) {
    const start = at + HEADER_BYTES;
    const flags = flagsOf(bytes[start + 6] ?? 0, bytes[start + 7] ?? 0);
    const from = valuesAt(known.counts, start);
    const { tests, own } = known;
    const values = known.counts & 0xffff;
    for (let i = 0; i < tests.length; i++) {
      const value = i < values ? view.getFloat32(from + 4 * i, littleEndian) : Number.NaN;
      to.add(tests[i] ?? 0, value, flags, own);
    }
  }

  const taken = new Float64Array(256);
  return {
    taken,
    take(source, from, last) {
      const { bytes, view, littleEndian } = source;
      let at = from;
      while (at + LEAST_BYTES <= last) {
        const key = siteAt(bytes, at + HEADER_BYTES);
        const site = key === lastKey ? lastSite : switchTo(key);
        if (site === undefined) break;
        const { results } = site;
        let known = site.last.next;
        if (known === undefined || !isLike(known, source, at, last)) {
          known = find(source, at, last);
          if (known === undefined) break;
        }
        if (known.sub === MPR && isFailedMpr(bytes, at + HEADER_BYTES)) break;
        const end = at + known.size;
        // A header that this record or a known one has is sound; any other is looked at.
        const next = view.getUint32(end, true);
        if (next !== known.header && next !== known.next?.header && !isSoundHeader(source, end)) break;
        site.last.next = known;
        site.last = known;
        const { sub } = known;
        taken[sub] = (taken[sub] ?? 0) + 1;
        if (sub === PTR) {
          const value = view.getFloat32(at + 12, littleEndian);
          results.add(known.test, value, flagsOf(bytes[at + 10] ?? 0, bytes[at + 11] ?? 0), known.own);
        } else if (sub === FTR) {
          results.add(known.test, Number.NaN, flagsOf(bytes[at + 10] ?? 0, 0), known.own);
        } else addSeveral(source, at, known, results);
        at = end;
      }
      return at;
    },

    learn(source, sub, start, end, { testNum, tests, own }) {
      const counts = sub === MPR ? countsAt(source, start, end) : 0;
      if (counts === undefined || (sub === MPR && isFailedMpr(source.bytes, start))) return;
      const tailAt = tailOf(sub, counts, start);
      if (tailAt > end) return;
      const header = source.view.getUint32(start - HEADER_BYTES, true);
      const record = {
        header,
        size: HEADER_BYTES + end - start,
        sub,
        testNum,
        counts,
        tail: Uint8Array.from(source.bytes.subarray(tailAt, end)),
        test: tests[0]?.index ?? 0,
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

/**
 * Whether the record at `at` has the same bytes as a known one, but for site, flags and values, and ends where
 * another header may begin, at `last` or before. The first {@link LEAST_BYTES} are there.
 */
function isLike(known: KnownRecord, source: Source, at: number, last: number): boolean {
  const { bytes, view, littleEndian } = source;
  if (view.getUint32(at, true) !== known.header) return false;
  if (view.getUint32(at + HEADER_BYTES, littleEndian) !== known.testNum) return false;
  const end = at + known.size;
  if (end > last) return false;
  const { tail, sub, counts } = known;
  if (sub === MPR && countsAt(source, at + HEADER_BYTES, end) !== counts) return false;
  const tailAt = end - tail.length;
  for (let i = 0; i < tail.length; i++) if (tail[i] !== bytes[tailAt + i]) return false;
  return true;
}

/** Which of its positions failed is told by its limits: the long way. */
function isFailedMpr(bytes: Buffer, start: number): boolean {
  return ((bytes[start + 6] ?? 0) & 0x80) !== 0;
}

/** Whether a record may begin with the header at `at`. */
function isSoundHeader(source: Source, at: number): boolean {
  return isSound({ ...source, ended: false }, at);
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
