const SLOTS = 4096;
const LONGEST_KEPT = 64;

/** Reads `length` bytes at `start` as Latin-1 text. */
export type ReadText = (bytes: Buffer, start: number, length: number) => string;

/**
 * Text of a lot repeats: test names, units and formats come back with every part. The cache gives
 * the same string for the same bytes without making it again, which is most of the time of reading
 * a PTR; comparing two of its strings later is comparing two pointers. Memory is bounded: a slot
 * holds one string of at most 64 characters and is overwritten by the next that falls on it.
 */
export function createTextCache(): ReadText {
  const slots: string[] = new Array<string>(SLOTS).fill('');
  return (bytes, start, length) => {
    if (length === 0) return '';
    // Not TextDecoder: its latin1 is windows-1252 and loses 0x80 to 0x9f (stdf-v4.md section 2).
    if (length > LONGEST_KEPT) return bytes.toString('latin1', start, start + length);
    let hash = length;
    for (let i = start; i < start + length; i++) hash = (Math.imul(hash, 31) + (bytes[i] ?? 0)) | 0;
    const slot = (hash ^ (hash >>> 12)) & (SLOTS - 1);
    const kept = slots[slot] ?? '';
    if (holds(kept, bytes, start, length)) return kept;
    const text = bytes.toString('latin1', start, start + length);
    slots[slot] = text;
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
