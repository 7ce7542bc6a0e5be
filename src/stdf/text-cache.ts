import { readTextBytes } from './text-bytes.js';

const SLOTS = 4096;
const LONGEST_KEPT = 64;

/** Reads `length` bytes at `start` as text; see `readTextBytes`. */
export type ReadText = (bytes: Buffer, start: number, length: number) => string;

/**
 * Text of a lot repeats: test names, units and formats come back with every part. The cache gives
 * the same string for the same bytes without making it again, which is most of the time of reading
 * a PTR; comparing two of its strings later is comparing two pointers. Memory is bounded: a slot
 * holds one string of at most 64 characters and is overwritten by the next that falls on it.
 */
export function createTextCache(): ReadText {
  // What is compared with the bytes, one character for each, and what they mean: mostly the same string.
  const slots: string[] = new Array<string>(SLOTS).fill('');
  const meanings: string[] = new Array<string>(SLOTS).fill('');
  return (bytes, start, length) => {
    if (length === 0) return '';
    if (length > LONGEST_KEPT) return readTextBytes(bytes, start, start + length);
    let hash = length;
    let all = 0;
    for (let i = start; i < start + length; i++) {
      const byte = bytes[i] ?? 0;
      hash = (Math.imul(hash, 31) + byte) | 0;
      all |= byte;
    }
    const slot = (hash ^ (hash >>> 12)) & (SLOTS - 1);
    const kept = slots[slot] ?? '';
    if (holds(kept, bytes, start, length)) return meanings[slot] ?? kept;
    const latin1 = bytes.toString('latin1', start, start + length);
    slots[slot] = latin1;
    // Nearly all text is ASCII, which needs no second look.
    const text = all < 0x80 ? latin1 : readTextBytes(bytes, start, start + length);
    meanings[slot] = text;
    return text;
  };
}

function holds(text: string, bytes: Buffer, start: number, length: number): boolean {
  if (text.length !== length) return false;
  for (let i = 0; i < length; i++) {
    if (text.charCodeAt(i) !== bytes[start + i]) return false;
  }
  return true;
}
