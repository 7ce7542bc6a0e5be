import { ReadableStream } from 'node:stream/web';
import { PackedDamage, reasonOf } from './packed-damage.js';

/** Unpacks an xz stream, by WebAssembly. */
export async function* unxz(
  input: AsyncIterable<Uint8Array>,
  unpacked: (bytes: number) => void,
): AsyncGenerator<Uint8Array, void, void> {
  const { default: xz } = await import('xz-decompress');
  let sourceFailure: unknown;
  let ended = false;
  const iterator = input[Symbol.asyncIterator]();
  const packed = new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await iterator.next();
        ended = done === true;
        if (done) controller.close();
        else controller.enqueue(value);
      } catch (error) {
        sourceFailure = error;
        controller.error(error);
      }
    },
    cancel: async () => {
      await iterator.return?.();
    },
  });
  const reader = new xz.XzReadableStream(packed).getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      unpacked(value.length);
      yield value;
    }
  } catch (error) {
    if (sourceFailure !== undefined) throw sourceFailure;
    if (error instanceof PackedDamage) throw error;
    throw new PackedDamage(ended ? 'truncated' : 'corrupt', reasonOf(error), error);
  } finally {
    await reader.cancel().catch(() => {});
  }
}
