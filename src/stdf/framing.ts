import { FAR_BYTES, farOrderAt } from './file-start.js';
import { canBe } from './layout.js';

/**
 * Where records begin and end. STDF has no checksum and no marker: the only way to know that a
 * length is right is that a record begins where it points to. All positions are in `bytes`.
 *
 * A header is *sound* when its type is known and its length is one that such a record can have.
 * 0.05 % of random type pairs are known, so three sound headers in a row are no accident. Files are put
 * together as they are: a FAR may come anywhere, of the other byte order too, and is sound where it is whole
 * (file-start.ts). So six bytes tell whether a header is sound.
 */
interface Window {
  readonly bytes: Buffer;
  readonly littleEndian: boolean;
  /** No bytes follow the window. */
  readonly ended: boolean;
}

export const HEADER_BYTES = 4;

/** Bytes from the start of a header that tell whether it is sound, where so many follow. */
export const SOUND_BYTES = FAR_BYTES;

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
type Belief = 'sound' | 'near' | 'far' | 'cut' | 'none' | number;

export function lengthAt(
  { bytes, littleEndian }: Pick<Window, 'bytes' | 'littleEndian'>,
  at: number,
): number {
  const [first, second] = [bytes[at] ?? 0, bytes[at + 1] ?? 0];
  return littleEndian ? second * 256 + first : first * 256 + second;
}

/** Whether the header at `at` (its {@link SOUND_BYTES} are there, or the file ends before) is sound. */
export function isSound(window: Window, at: number): boolean {
  const typ = window.bytes[at + 2] ?? 0;
  const sub = window.bytes[at + 3] ?? 0;
  if (typ === 0 && sub === 10) return farOrderAt(window.bytes, at) !== undefined;
  return canBe(typ, sub, lengthAt(window, at));
}

/** Whether a record begins at `from`: follows unknown records until a sound one, or the end. */
export function believe(window: Window, from: number): { readonly belief: Belief; readonly until: number } {
  const { bytes, ended } = window;
  let at = from;
  for (let hops = 0; at - from <= CHAIN_BYTES; hops++) {
    const arrival = (['sound', 'near'] as const)[hops] ?? 'far';
    if (at === bytes.length && ended) return { belief: arrival, until: at };
    if (at + (ended ? HEADER_BYTES : SOUND_BYTES) > bytes.length) {
      return { belief: ended ? 'cut' : at + SOUND_BYTES, until: bytes.length };
    }
    if (isSound(window, at)) return { belief: arrival, until: at };
    if (bytes[at + 2] === 0 && bytes[at + 3] === 0 && lengthAt(window, at) === 0) break;
    at += HEADER_BYTES + lengthAt(window, at);
  }
  return { belief: 'none', until: from };
}

/**
 * Looks for the next place, from `from` on and before `limit`, where three sound headers follow each other, or fewer
 * that end exactly with the file. A record begins at `limit`, so a chain that leads across it is an accident. `found` is that place or undefined; `scannedTo` is where to look
 * on with more bytes (`needed` of the window). Every position is looked at once and costs at most
 * three headers, so the search is linear whatever the bytes are.
 */
export function resynchronise(
  window: Window,
  from: number,
  limit = Number.POSITIVE_INFINITY,
): { readonly found: number | undefined; readonly scannedTo: number; readonly needed: number } {
  const { bytes, ended } = window;
  const least = ended ? HEADER_BYTES : SOUND_BYTES;
  for (let at = from; at < limit && at + least <= bytes.length; at++) {
    if (!isSound(window, at)) continue;
    const belief = followsSoundly(window, at, limit);
    if (belief === true) return { found: at, scannedTo: at, needed: 0 };
    if (belief !== false) return { found: undefined, scannedTo: at, needed: belief };
  }
  const scannedTo = ended ? bytes.length : Math.max(from, bytes.length - least + 1);
  return { found: undefined, scannedTo, needed: scannedTo + least };
}

/**
 * The first place between the two where a FAR begins that records follow, also in the other byte order: a file that was
 * cut in its last record has the next file's first bytes in it. `needed` as in {@link resynchronise}.
 */
export function findFar(
  window: Window,
  from: number,
  limit: number,
): { readonly found: number | undefined; readonly needed: number } {
  for (let at = from; at < limit; at++) {
    if (farOrderAt(window.bytes, at) === undefined) continue;
    const belief = followsSoundly(window, at, Number.POSITIVE_INFINITY);
    if (belief === true) return { found: at, needed: 0 };
    if (belief !== false) return { found: undefined, needed: belief };
  }
  return { found: undefined, needed: 0 };
}

/** Whether enough sound headers follow the sound header at `start`; a number asks for more bytes. */
function followsSoundly(window: Window, start: number, limit: number): boolean | number {
  const { bytes, ended } = window;
  const least = ended ? HEADER_BYTES : SOUND_BYTES;
  let inOrder = window;
  let at = start;
  for (let sound = 1; sound < SOUND_IN_A_ROW; sound++) {
    const far = farOrderAt(bytes, at);
    if (far !== undefined) inOrder = { ...window, littleEndian: far === 'little' };
    const next = at + HEADER_BYTES + lengthAt(inOrder, at);
    if (at < limit && next > limit) return false;
    at = next;
    if (at === bytes.length && ended) return true;
    // The last record may be cut: one whole and one header are then the most there can be.
    if (at + least > bytes.length) return ended ? sound > 1 : at + least;
    if (!isSound(inOrder, at)) return false;
  }
  return true;
}
