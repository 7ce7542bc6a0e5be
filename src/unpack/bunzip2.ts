import { PackedDamage, reasonOf } from './packed-damage.js';

const SLICE_BYTES = 8 * 1024;

/** Unpacks bzip2 streams, one after the other. */
export async function* bunzip2(
  input: AsyncIterable<Uint8Array>,
  unpacked: (bytes: number) => void,
): AsyncGenerator<Uint8Array, void, void> {
  const { default: createBunzip2 } = await import('unbzip2-stream');
  const stream = createBunzip2();
  let output: Uint8Array[] = [];
  let failure: unknown;
  stream.on('data', (chunk: Buffer) => {
    output.push(chunk);
    // What is thrown here ends the decoder, which works off all that it holds in one go.
    unpacked(chunk.length);
  });
  stream.on('error', (error: unknown) => {
    failure ??= error;
  });
  for await (const chunk of input) {
    for (let at = 0; at < chunk.length && failure === undefined; at += SLICE_BYTES) {
      // A copy: the decoder reads it when a block is complete.
      stream.write(Buffer.from(chunk.subarray(at, at + SLICE_BYTES)));
      yield* output;
      output = [];
    }
    if (failure !== undefined) break;
  }
  if (failure === undefined) stream.end();
  yield* output;
  if (failure !== undefined) throw damageOf(failure);
}

function damageOf(failure: unknown): PackedDamage {
  if (failure instanceof PackedDamage) return failure;
  // Where its input ends too early the decoder reaches for a piece that is not there.
  const cut = failure instanceof TypeError || /prematurely/.test(reasonOf(failure));
  if (cut) return new PackedDamage('truncated', 'unexpected end of file', failure);
  return new PackedDamage('corrupt', reasonOf(failure), failure);
}
