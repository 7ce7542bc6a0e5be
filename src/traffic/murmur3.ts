/**
 * MurmurHash3_x86_32 (Austin Appleby, 2011, public domain; smhasher/src/MurmurHash3.cpp) of the UTF-16LE
 * bytes of a text, 0 to 2^32 - 1. UTF-16 is what a string is made of: nothing is encoded or allocated, and
 * another program gets the same number from the same bytes.
 */
export function murmur3(text: string, seed: number): number {
  let hash = seed | 0;
  const last = text.length - 1;
  for (let i = 0; i < last; i += 2) {
    hash ^= scrambled(text.charCodeAt(i) | (text.charCodeAt(i + 1) << 16));
    hash = (hash << 13) | (hash >>> 19);
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0;
  }
  if (text.length % 2 === 1) hash ^= scrambled(text.charCodeAt(last));
  return finalised(hash ^ (2 * text.length));
}

function scrambled(block: number): number {
  const mixed = Math.imul(block, 0xcc9e2d51);
  return Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593);
}

function finalised(hash: number): number {
  let mixed = hash ^ (hash >>> 16);
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
