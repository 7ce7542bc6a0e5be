import { readSync, writeSync } from 'node:fs';
import { FrameReader, FrameWriter } from './frames.js';
import type { FromWorker, ToWorker } from './messages.js';
import { fromWire, isToWorker, toWire } from './wire.js';

/** The file descriptor on which a worker process finds its channel to the server process. */
export const CHANNEL_FD = 3;

/**
 * A worker's end of the channel. It blocks: a worker has nothing else to do, and a read that waits in
 * the kernel answers sooner than an event loop that is woken.
 */
export class WorkerChannel {
  readonly #reader = new FrameReader();
  readonly #writer = new FrameWriter();

  /**
   * Waits for the next message.
   * @returns undefined when the server process has gone; a Float32Array in the message is valid until the
   * next call
   */
  receive(): ToWorker | undefined {
    for (;;) {
      const bytes = readSync(CHANNEL_FD, this.#reader.room());
      if (bytes === 0) return undefined;
      const frame = this.#reader.advance(bytes);
      if (frame === undefined) continue;
      const message = fromWire(frame);
      if (!isToWorker(message)) throw new Error(`the server process said ${frame.head.slice(0, 100)}`);
      return message;
    }
  }

  send(message: FromWorker): void {
    const { head, parts } = toWire(message);
    const frame = this.#writer.write(head, parts);
    for (let written = 0; written < frame.length; ) written += writeSync(CHANNEL_FD, frame, written);
  }
}
