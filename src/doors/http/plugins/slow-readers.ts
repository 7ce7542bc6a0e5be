import type { Socket } from 'node:net';
import fp from 'fastify-plugin';
import type { Clock } from '../../../serving/clock.js';
import { openConnections } from '../connections.js';

interface SlowReadersOptions {
  /** How long a client may take for the bytes of an answer. */
  readonly timeoutMs: number;
  /** Bytes of answers, of all connections, that may wait for their readers. */
  readonly maxUnreadBytes: number;
  readonly clock: Clock;
}

/** The last byte that was on its way to a client at some time. */
interface Mark {
  readonly byte: number;
  readonly atMs: number;
}

const MAX_INTERVAL_MS = 1_000;

/**
 * Cuts off clients that do not read: one that has not taken, within the time-out, what was written for it
 * by then; and where all that is unread is too much, those with the most. Looks at the sockets by the
 * clock, which costs the way of a die nothing.
 */
export const slowReadersPlugin = fp<SlowReadersOptions>(
  (app, { timeoutMs, maxUnreadBytes, clock }, done) => {
    const open = openConnections(app.server);
    const marks = new WeakMap<Socket, Mark>();
    const look = (): void => {
      const unread = [...open].filter(({ writableLength }) => writableLength > 0);
      for (const socket of unread) {
        const mark = marks.get(socket);
        if (mark === undefined || takenBy(socket) >= mark.byte) {
          marks.set(socket, { byte: socket.bytesWritten, atMs: clock.nowMs() });
        } else if (clock.nowMs() - mark.atMs >= timeoutMs) socket.destroy();
      }
      for (const socket of beyond(unread, maxUnreadBytes)) socket.destroy();
      cancel = clock.after(intervalMs, look);
    };
    const intervalMs = Math.ceil(Math.min(MAX_INTERVAL_MS, timeoutMs / 4));
    let cancel = clock.after(intervalMs, look);
    app.addHook('onClose', (_app, closed) => {
      // While it closes it still waits for those who read.
      if (app.server.listening) app.server.once('close', () => cancel());
      else cancel();
      closed();
    });
    done();
  },
  { name: 'slow-readers' },
);

/** `bytesWritten` counts what still waits, too. */
function takenBy({ bytesWritten, writableLength }: Socket): number {
  return bytesWritten - writableLength;
}

/** Those with the most unread bytes, so many that the others' are within the bound. */
export function beyond<S extends Pick<Socket, 'writableLength'>>(
  sockets: readonly S[],
  maxBytes: number,
): S[] {
  const byMost = [...sockets].sort((a, b) => b.writableLength - a.writableLength);
  let total = byMost.reduce((sum, { writableLength }) => sum + writableLength, 0);
  return byMost.filter(({ writableLength }) => {
    if (total <= maxBytes) return false;
    total -= writableLength;
    return true;
  });
}
