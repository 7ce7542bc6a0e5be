import { PackedDamage, reasonOf } from './packed-damage.js';
import { createFrameFollower } from './zstd-frames.js';

/** A block of 128 KiB may be four bytes: so few bytes at a time become 64 MB at most. */
const SLICE_BYTES = 2 * 1024;

/**
 * Unpacks Zstandard frames and checks their content. Node has a decoder of its own from 22.15 only; the one
 * used here does not look at checksums, so they are looked at beside it: a changed bit would be a changed
 * value, and nobody told.
 */
export async function* unzstd(
  input: AsyncIterable<Uint8Array>,
  unpacked: (bytes: number) => void,
): AsyncGenerator<Uint8Array, void, void> {
  const [{ Decompress }, { default: loadHasher }] = await Promise.all([
    import('fzstd'),
    import('xxhash-wasm'),
  ]);
  const hasher = await loadHasher();
  const frames = createFrameFollower();
  let output: Uint8Array[] = [];
  let content = hasher.create64();
  const decoder = new Decompress((chunk) => {
    unpacked(chunk.length);
    content.update(chunk);
    if (chunk.length > 0) output.push(chunk);
  });
  const push = (slice: Uint8Array) => {
    try {
      // A copy: the decoder keeps what it cannot use yet.
      decoder.push(slice.slice());
    } catch (error) {
      if (error instanceof PackedDamage) throw error;
      throw new PackedDamage('corrupt', reasonOf(error), error);
    }
  };
  for await (const chunk of input) {
    for (let at = 0; at < chunk.length; ) {
      const slice = chunk.subarray(at, at + SLICE_BYTES);
      const end = frames.follow(slice);
      const taken = end?.at ?? slice.length;
      push(slice.subarray(0, taken));
      at += taken;
      yield* output;
      output = [];
      if (end === undefined) continue;
      if (end.checksum !== undefined && end.checksum !== Number(content.digest() & 0xffffffffn)) {
        throw new PackedDamage('corrupt', 'the checksum of a zstd frame differs');
      }
      content = hasher.create64();
    }
  }
  if (frames.open) throw new PackedDamage('truncated', 'the file ends within a zstd frame');
}
