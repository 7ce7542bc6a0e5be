/**
 * The part of a byte stream that is still being looked at. Chunks are joined only when enough of
 * them have come, so that a record in a thousand small chunks is copied once and not a thousand
 * times; what lies before `at` is let go with every new chunk.
 */
interface ByteWindow {
  /** Overwritten by the next chunk: what is kept of it must be copied. */
  readonly bytes: Buffer;
  /** The same bytes from the same start; it may reach further than they do. */
  readonly view: DataView;
  /** The position in `bytes` up to which everything is done. */
  at: number;
  /** Offset of `bytes[0]` in the stream. */
  readonly base: number;
  /** Bytes taken so far: the length of the stream, in the end. */
  readonly taken: number;
  /** Takes the next chunk; it must not change until it has been joined. */
  take(chunk: Uint8Array): void;
  /** True when at least `bytes` bytes lie after `at`, joined with the chunks taken; false to wait for more. */
  holds(bytes: number): boolean;
  /** Joins whatever there is: no more chunks come. */
  finish(): void;
}

export function createByteWindow(): ByteWindow {
  const waiting: Uint8Array[] = [];
  let waitingBytes = 0;
  // One buffer for the whole file: a new one for each chunk would be garbage outside the heap,
  // which V8 is slow to collect. Nothing that leaves the parser points into it.
  let store: Buffer = Buffer.allocUnsafeSlow(INITIAL_BYTES);
  const window = {
    bytes: store.subarray(0, 0),
    view: viewOf(store),
    at: 0,
    base: 0,
    taken: 0,

    take(chunk: Uint8Array): void {
      if (chunk.length === 0) return;
      waiting.push(chunk);
      waitingBytes += chunk.length;
      window.taken += chunk.length;
    },

    holds(bytes: number): boolean {
      if (window.bytes.length - window.at + waitingBytes < bytes) return false;
      window.finish();
      return true;
    },

    finish(): void {
      if (waitingBytes === 0) return;
      let length = window.bytes.length - window.at;
      if (length + waitingBytes > store.length) {
        store = Buffer.allocUnsafeSlow(Math.max(length + waitingBytes, 2 * store.length));
        window.view = viewOf(store);
      }
      window.bytes.copy(store, 0, window.at);
      for (const chunk of waiting) {
        store.set(chunk, length);
        length += chunk.length;
      }
      window.bytes = store.subarray(0, length);
      window.base += window.at;
      window.at = 0;
      waiting.length = 0;
      waitingBytes = 0;
    },
  };
  return window;
}

/** Room for a chunk of 64 KiB and the record that it cuts, as a rule. */
const INITIAL_BYTES = 96 * 1024;

function viewOf(store: Buffer): DataView {
  return new DataView(store.buffer, store.byteOffset, store.byteLength);
}
