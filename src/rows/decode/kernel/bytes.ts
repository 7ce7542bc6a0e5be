export const SPACE: u8 = 0x20;
export const PLUS: u8 = 0x2b;
export const COMMA: u8 = 0x2c;
export const MINUS: u8 = 0x2d;
export const POINT: u8 = 0x2e;
export const ZERO: u8 = 0x30;
export const LOWER_E: u8 = 0x65;

/** A bit for each of JSON's four white-space characters: tab, line feed, carriage return, space. */
const SPACES: u64 = (1 << 0x09) | (1 << 0x0a) | (1 << 0x0d) | (1 << 0x20);

/** The position of the first byte from `at` on that is no white space. */
export function skipSpace(at: usize): usize {
  let byte = load<u8>(at);
  while (byte <= SPACE && ((SPACES >> byte) & 1) === 1) byte = load<u8>(++at);
  return at;
}

/** Whether two digits stand at `at` of which the first is '0' (or, no harm, '0' and one of ":;<=>?"). */
export function hasLeadingZero(at: usize): bool {
  return (load<u16>(at) & 0xf0ff) === 0x3030;
}
