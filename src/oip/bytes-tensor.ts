import { isUtf8 } from 'node:buffer';
import { invalidInput } from '../rows/decode/refusals.js';

const LENGTH_BYTES = 4;

/**
 * The texts of a binary tensor of BYTES: each is UTF-8 behind its length, a little-endian uint32.
 * @param count how many there are
 * @param path of the input, for the refusal
 * @throws Refusal `invalid_input` where there are more, fewer, or bytes that are no UTF-8
 */
export function bytesTexts(bytes: Buffer, count: number, path: string): string[] {
  const wrong = (found: string) =>
    invalidInput([{ path, message: `expected ${count} texts, each behind its length, found ${found}` }]);
  const texts: string[] = [];
  let at = 0;
  while (at < bytes.length) {
    const from = at + LENGTH_BYTES;
    const to = from <= bytes.length ? from + bytes.readUInt32LE(at) : Number.POSITIVE_INFINITY;
    if (to > bytes.length) throw wrong(`the end of ${bytes.length} bytes within text ${texts.length}`);
    const text = bytes.subarray(from, to);
    if (!isUtf8(text)) throw wrong(`bytes that are no UTF-8 as text ${texts.length}`);
    if (texts.push(text.toString('utf8')) > count) throw wrong('more');
    at = to;
  }
  if (texts.length < count) throw wrong(`${texts.length}`);
  return texts;
}
