import { canBe } from './layout.js';

/**
 * Where records begin and end. STDF has no checksum and no marker: the only way to know that a
 * length is right is that a record begins where it points to. All positions are in `bytes`.
 *
 * A header is *sound* when its type is known and its length is one that such a record can have.
 * 0.05 % of random type pairs are known, so three sound headers in a row are no accident.
 */
export interface Window {
  readonly bytes: Buffer;
  readonly littleEndian: boolean;
  /** No bytes follow the window. */
  readonly ended: boolean;
}

export const HEADER_BYTES = 4;

/** How far the chain of unknown records is followed before it counts as no chain at all. */
const CHAIN_BYTES = 256 * 1024;

/** Sound headers in a row that end a search for the next record. */
const SOUND_IN_A_ROW = 3;

/**
 * Of a position: `sound`, a record begins here (or the file ends here). `near`: an unknown record begins here and a sound
 * one follows it. `far`: unknown records begin here and a sound one follows them. `cut`: the file
 * ends before this can be told. `none`: no record begins here. A number: so many bytes of the
 * window are needed to tell. `until` is where the chain of unknown records led.
 */
export type Belief = 'sound' | 'near' | 'far' | 'cut' | 'none' | number;

export function lengthAt({ bytes, littleEndian }: Window, at: number): number {
  const [first, second] = [bytes[at] ?? 0, bytes[at + 1] ?? 0];
  return littleEndian ? second * 256 + first : first * 256 + second;
}

/** Whether the header at `at` (its four bytes are there) is sound. */
export function isSound(window: Window, at: number): boolean {
  return canBe(window.bytes[at + 2] ?? 0, window.bytes[at + 3] ?? 0, lengthAt(window, at));
}

/** Whether a record begins at `from`: follows unknown records until a sound one, or the end. */
export function believe(window: Window, from: number): { readonly belief: Belief; readonly until: number } {
  const { bytes, ended } = window;
  let at = from;
  for (let hops = 0; at - from <= CHAIN_BYTES; hops++) {
    const arrival = (['sound', 'near'] as const)[hops] ?? 'far';
    if (at === bytes.length && ended) return { belief: arrival, until: at };
    if (at + HEADER_BYTES > bytes.length) {
      return { belief: ended ? 'cut' : at + HEADER_BYTES, until: bytes.length };
    }
    if (isSound(window, at)) return { belief: arrival, until: at };
    if (bytes[at + 2] === 0 && bytes[at + 3] === 0 && lengthAt(window, at) === 0) break;
    at += HEADER_BYTES + lengthAt(window, at);
  }
  return { belief: 'none', until: from };
}

/**
 * Looks for the next place, from `from` on and before `limit`, where three sound headers follow each other, or fewer
 * that end exactly with the file. `found` is that place or undefined; `scannedTo` is where to look
 * on with more bytes (`needed` of the window). Every position is looked at once and costs at most
 * three headers, so the search is linear whatever the bytes are.
 */
export function resynchronise(
  window: Window,
  from: number,
  limit = Number.POSITIVE_INFINITY,
): { readonly found: number | undefined; readonly scannedTo: number; readonly needed: number } {
  const { bytes, ended } = window;
  for (let at = from; at < limit && at + HEADER_BYTES <= bytes.length; at++) {
    if (!isSound(window, at)) continue;
    const belief = followsSoundly(window, at);
    if (belief === true) return { found: at, scannedTo: at, needed: 0 };
    if (belief !== false) return { found: undefined, scannedTo: at, needed: belief };
  }
  const scannedTo = ended ? bytes.length : Math.max(from, bytes.length - HEADER_BYTES + 1);
  return { found: undefined, scannedTo, needed: scannedTo + HEADER_BYTES };
}

/** Whether enough sound headers follow the sound header at `start`; a number asks for more bytes. */
function followsSoundly(window: Window, start: number): boolean | number {
  const { bytes, ended } = window;
  let at = start;
  for (let sound = 1; sound < SOUND_IN_A_ROW; sound++) {
    at += HEADER_BYTES + lengthAt(window, at);
    if (at === bytes.length && ended) return true;
    // The last record may be cut: one whole and one header are then the most there can be.
    if (at + HEADER_BYTES > bytes.length) return ended ? sound > 1 : at + HEADER_BYTES;
    if (!isSound(window, at)) return false;
  }
  return true;
}
