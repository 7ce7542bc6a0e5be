import { createByteWindow } from './byte-window.js';
import { createDamageLog, type DamageKind } from './damage.js';
import { createRecordDecoder, type Fit, type RecordDecoder } from './decode.js';
import { copy, type Source } from './decode-values.js';
import { FAR_BYTES, farOrderAt, readFileStart, VAX } from './file-start.js';
import { believe, findFar, HEADER_BYTES, isSound, lengthAt, resynchronise, SOUND_BYTES } from './framing.js';
import { KNOWN_TYPES, type KnownType, knownType } from './layout.js';
import { countOf, createRecordTally, type ReadReport, reportOf } from './read-report.js';
import type { ByteOrder, RawRecord, RecordName, StdfRecord } from './records.js';
import { RESULT_TYP, type RecordShortcut } from './result-shortcut.js';
import { createTextCache } from './text-cache.js';

export interface ParserOptions<Name extends RecordName = RecordName> {
  /**
   * Record types to decode; all by default. The others are counted and cost a tenth of the time; only
   * their headers are checked, so damage inside them is not found.
   */
  readonly only?: readonly Name[];
  /** The short way of result records, which are then not delivered; without it all go the long way. */
  readonly shortcut?: RecordShortcut;
  /** Whether what is not decoded is delivered as a {@link RawRecord}, so that a file can be copied. */
  readonly raw?: boolean;
}

/**
 * Bytes in, records out; no input, no time. One parser reads one file.
 *
 * A record is believed when the next one begins where it ends (framing.ts). Where that fails, the
 * record is kept if its fields fill it exactly, and the search for the next record begins; so a
 * wrong length costs that record alone, and a wrong type none. Look-ahead, and with it memory, is
 * bounded by 256 KiB and a record.
 */
export interface Parser {
  /**
   * Delivers the records that are complete with this chunk, which the parser may keep until the next call.
   * Throws a Fault `invalid_data` where the file is not STDF V4 at all.
   */
  push(chunk: Uint8Array, to: RecordSink): void;
  /** The last records. Throws a Fault `invalid_data` where there was no STDF V4 file. */
  end(to: RecordSink): void;
  /** Notes damage that the caller met (a broken gzip stream) at the bytes pushed so far. */
  note(kind: DamageKind): void;
  report(): ReadReport;
}

/** Takes records one by one, such as an array. */
export interface RecordSink {
  push(record: StdfRecord | RawRecord): unknown;
}

export function createParser(options: ParserOptions = {}): Parser {
  const window = createByteWindow();
  const log = createDamageLog();
  const tally = createRecordTally();
  const text = createTextCache();
  const { shortcut } = options;
  const wanted = KNOWN_TYPES.map(({ layout }) => {
    return layout !== undefined && (options.only === undefined || options.only.includes(layout.name));
  });
  /** Of the records at hand, and of all those before. */
  let byteOrder: ByteOrder = 'little';
  const byteOrders = new Set<ByteOrder>();
  let decoder: RecordDecoder | undefined;
  let source: Source = { bytes: window.bytes, view: window.view, littleEndian: true, text };
  let ended = false;
  /** Bytes after `window.at` without which there is nothing to do. */
  let needed = FAR_BYTES;
  /** Where the records stopped making sense, as offset in the file; -1 while they do. */
  let lostFrom = -1;
  let lostAs: DamageKind = 'lost_sync';
  /** Up to this offset a chain of unknown records has been followed to a sound one. */
  let trustedUntil = 0;

  /** At the FAR at `window.at`: what follows is in the byte order that it says. */
  function start(): RecordDecoder {
    const { at } = window;
    const { byteOrder: order, conflict } = readFileStart(window.bytes.subarray(at), window.base + at);
    byteOrder = order;
    byteOrders.add(order);
    if (conflict) log.add('cpu_type_conflict', window.base + at + HEADER_BYTES);
    return createRecordDecoder(order);
  }

  /** Files of either byte order may have been put together. */
  function startAgain(before: RecordDecoder, view: View): RecordDecoder {
    const other = farOrderAt(window.bytes, window.at);
    if (other === undefined || (other === byteOrder && window.bytes[window.at + 4] !== VAX)) return before;
    const decode = start();
    source = { ...source, littleEndian: byteOrder === 'little' };
    view.littleEndian = byteOrder === 'little';
    return decode;
  }

  function run(out: RecordSink): void {
    if (!window.holds(needed) && !ended) return;
    window.finish();
    decoder ??= start();
    const littleEndian = byteOrder === 'little';
    source = { bytes: window.bytes, view: window.view, littleEndian, text };
    const view: View = { bytes: window.bytes, littleEndian, ended };
    needed = SOUND_BYTES;
    while (lostFrom < 0 || recover(view)) {
      if (shortcut !== undefined)
        window.at = shortcut.take(source, window.at, view.bytes.length - HEADER_BYTES);
      decoder = startAgain(decoder, view);
      if (!step(decoder, view, out)) break;
    }
  }

  /** Takes one record; false where more bytes are needed (`needed` says how many) or the file is done. */
  function step(decode: RecordDecoder, view: View, out: RecordSink): boolean {
    const { bytes } = view;
    const { at } = window;
    const end = at + HEADER_BYTES + (at + HEADER_BYTES <= bytes.length ? lengthAt(view, at) : 0);
    if (end + SOUND_BYTES > bytes.length && !ended) {
      needed = end + SOUND_BYTES - at;
      return false;
    }
    if (end > bytes.length) {
      if (at < bytes.length) lose(at, 'truncated_tail');
      return at < bytes.length;
    }
    if (end + HEADER_BYTES <= bytes.length && isSound(view, end)) return deliver(decode, view, end, out);
    return judge(decode, view, end, out);
  }

  /** Decides on a record that no sound one follows. */
  function judge(decode: RecordDecoder, view: View, end: number, out: RecordSink): boolean {
    const { at } = window;
    if (window.base + end <= trustedUntil) return deliver(decode, view, end, out);
    const { belief, until } = believe(view, end);
    if (typeof belief === 'number') {
      needed = belief - at;
      return false;
    }
    const far = findFar(view, at + 1, Math.min(Math.max(end, until), view.bytes.length));
    if (far.needed > 0) {
      needed = far.needed - at;
      return false;
    }
    if (far.found !== undefined) {
      lose(at, 'lost_sync');
      return true;
    }
    const exact = fitsExactly(decode, at, end);
    const hidden = belief === 'none' || hides(decode, view, exact ? end : at + 1, until);
    if (hidden === undefined) return false;
    if (hidden && !exact) {
      lose(at, 'lost_sync');
      return true;
    }
    if (!deliver(decode, view, end, out)) return false;
    if (hidden) lose(end, 'lost_sync');
    else trustedUntil = window.base + until;
    return true;
  }

  /**
   * Whether records follow each other from a place between the two, the first of them filled by its fields: then
   * what spans them is a wrong length that happened to land on a record. Undefined where more bytes are needed.
   */
  function hides(decode: RecordDecoder, view: View, from: number, until: number): boolean | undefined {
    let search = resynchronise(view, from, until);
    while (search.found !== undefined) {
      const { found } = search;
      const end = found + HEADER_BYTES + lengthAt(view, found);
      if (typeAt(found)?.layout !== undefined && fitsExactly(decode, found, end)) return true;
      search = resynchronise(view, found + 1, until);
    }
    if (search.scannedTo >= until || ended) return false;
    needed = search.needed - window.at;
    return undefined;
  }

  function fitsExactly(decode: RecordDecoder, at: number, end: number): boolean {
    const layout = typeAt(at)?.layout;
    if (layout === undefined) return true;
    decode.decode(layout, source, at + HEADER_BYTES, end);
    return decode.fit === 'exact';
  }

  function typeAt(at: number): KnownType | undefined {
    return knownType(window.bytes[at + 2] ?? 0, window.bytes[at + 3] ?? 0);
  }

  /** Gives out the record at `window.at`; false where more bytes are needed. */
  function deliver(decode: RecordDecoder, view: View, end: number, out: RecordSink): boolean {
    const { at } = window;
    const type = typeAt(at);
    let record: StdfRecord | undefined;
    let fit: Fit = 'exact';
    if (type?.layout !== undefined && wanted[type.index]) {
      record = decode.decode(type.layout, source, at + HEADER_BYTES, end);
      fit = decode.fit;
      if (fit === 'extra') {
        const hidden = hides(decode, view, at + 1, end);
        if (hidden) lose(at, 'lost_sync');
        if (hidden !== false) return hidden === true;
      }
      if (fit !== 'exact') noteFit(fit, at);
    }
    if (record !== undefined) {
      out.push(record);
      if (shortcut !== undefined && type?.typ === RESULT_TYP && fit === 'exact') {
        shortcut.delivered(source, type.sub, at + HEADER_BYTES, end);
      }
    } else if (options.raw) out.push(rawAt(at, end));
    count(type, at);
    window.at = end;
    return true;
  }

  function count(type: KnownType | undefined, at: number): void {
    if (type === undefined) tally.unknown++;
    else tally.counts[type.index] = (tally.counts[type.index] ?? 0) + 1;
    if (type?.layout === undefined) {
      log.addUnknown(window.bytes[at + 2] ?? 0, window.bytes[at + 3] ?? 0, window.base + at);
    }
  }

  function noteFit(fit: Fit, at: number): void {
    const kind = fit === 'extra' ? 'extra_bytes' : fit === 'cut' ? 'cut_field' : 'short_record';
    log.add(kind, window.base + at);
  }

  function rawAt(at: number, end: number): RawRecord {
    const { bytes } = window;
    const [typ = 0, sub = 0] = bytes.subarray(at + 2, at + HEADER_BYTES);
    return { type: 'Raw', typ, sub, bytes: copy(bytes, at + HEADER_BYTES, end) };
  }

  function lose(at: number, as: DamageKind): void {
    lostFrom = window.base + at;
    lostAs = as;
    // The place itself is no record, or it would not be lost.
    window.at = at + 1;
  }

  /** Looks for the next record; false where more bytes are needed or the file has no more. */
  function recover(view: View): boolean {
    const search = resynchronise(view, window.at);
    window.at = search.scannedTo;
    if (search.found === undefined && !ended) {
      needed = search.needed - window.at;
      return false;
    }
    const found = search.found ?? view.bytes.length;
    // A record that claims more than the file holds has a wrong length if records follow inside it.
    const kind = search.found === undefined ? lostAs : 'lost_sync';
    log.add(kind, lostFrom, window.base + found - lostFrom);
    window.at = found;
    lostFrom = -1;
    return search.found !== undefined;
  }

  return {
    push(chunk, to) {
      window.take(chunk);
      run(to);
    },
    end(to) {
      if (ended) return;
      ended = true;
      run(to);
      if (countOf(tally, 'Mir') === 0) log.add('missing_mir', window.taken);
      if (countOf(tally, 'Mrr') === 0) log.add('missing_mrr', window.taken);
    },
    note: (kind) => log.add(kind, window.taken),
    report() {
      shortcut?.taken.forEach((records, sub) => {
        const type = records === 0 ? undefined : knownType(RESULT_TYP, sub);
        if (type !== undefined) tally.counts[type.index] = (tally.counts[type.index] ?? 0) + records;
      });
      shortcut?.taken.fill(0);
      return reportOf(tally, log, { byteOrders: [...byteOrders], bytes: window.taken, ended });
    },
  };
}

interface View {
  readonly bytes: Buffer;
  littleEndian: boolean;
  readonly ended: boolean;
}
