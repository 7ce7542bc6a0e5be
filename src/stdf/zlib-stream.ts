import { once } from 'node:events';
import type { Gunzip, Gzip } from 'node:zlib';

/** A zlib stream is fed so many bytes at a time: at gzip's limit of 1,032:1 they become 8 MB. */
const SLICE_BYTES = 8 * 1024;

/**
 * Sends a byte stream through zlib, one slice after the other: the next is read only when the
 * output of the last has been taken. Unlike a pipe, it gives everything that was unpacked before
 * an error, and then throws that error (`Z_BUF_ERROR` for a stream cut short).
 */
export async function* throughZlib(
  stream: Gunzip | Gzip,
  input: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, void> {
  let output: Buffer[] = [];
  let failure: Error | undefined;
  stream.on('data', (chunk: Buffer) => output.push(chunk));
  stream.on('error', (error: Error) => {
    failure = error;
  });
  try {
    for await (const chunk of input) {
      for (let at = 0; at < chunk.length && failure === undefined; at += SLICE_BYTES) {
        await write(stream, chunk.subarray(at, at + SLICE_BYTES));
        yield* output;
        output = [];
      }
      if (failure !== undefined) break;
    }
    if (failure === undefined) {
      stream.end();
      // The rejection is the same error that the listener above keeps.
      await once(stream, 'end').catch(() => undefined);
    }
    yield* output;
  } finally {
    stream.destroy();
  }
  if (failure !== undefined) throw failure;
}

/**
 * Resolves when the slice is through, or has failed (the stream's `error` event tells which). After
 * a wrong checksum Node never calls the callback of `write`, hence the listener.
 */
function write(stream: Gunzip | Gzip, slice: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    const settle = () => {
      stream.off('close', settle);
      resolve();
    };
    stream.once('close', settle);
    stream.write(slice, settle);
  });
}
