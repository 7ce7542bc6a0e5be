import { ErrorCode, Http2Error } from './errors.js';

/** Bits of the code of each byte, and of the end of a text (RFC 7541, appendix B). The code is canonical: these tell all of it. */
const CODE_LENGTHS: readonly number[] = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28,
  28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7,
  8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19,
  13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13,
  28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21,
  22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23,
  22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
  19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25,
  25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
];
const END_OF_TEXT = 256;
const LONGEST = 30;

/** The codes of one length: the first of them, and their symbols in order. */
interface OfLength {
  readonly first: number;
  readonly symbols: readonly number[];
}

const BY_LENGTH: readonly OfLength[] = codesByLength();

function codesByLength(): OfLength[] {
  let first = 0;
  return Array.from({ length: LONGEST + 1 }, (_, length) => {
    const symbols = [...CODE_LENGTHS.keys()].filter((symbol) => CODE_LENGTHS[symbol] === length);
    const own = { first, symbols };
    first = (first + symbols.length) * 2;
    return own;
  });
}

/**
 * A text of HPACK that was packed.
 * @throws Http2Error where it is no code, or its rest is not what fills a byte
 */
export function unpackHuffman(bytes: Uint8Array): string {
  let text = '';
  let code = 0;
  let length = 0;
  for (const byte of bytes) {
    for (let bit = 7; bit >= 0; bit--) {
      code = code * 2 + ((byte >> bit) & 1);
      length++;
      const { first, symbols } = BY_LENGTH[length] ?? noCode();
      const symbol = symbols[code - first];
      if (symbol === undefined) continue;
      if (symbol === END_OF_TEXT) noCode();
      text += String.fromCharCode(symbol);
      code = 0;
      length = 0;
    }
  }
  // Filled up by the first bits of the code of the end, which are ones.
  if (length > 7 || code !== 2 ** length - 1) noCode();
  return text;
}

function noCode(): never {
  throw new Http2Error(ErrorCode.COMPRESSION_ERROR, 'a header is not packed as HPACK says');
}
