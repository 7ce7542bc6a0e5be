import { Refusal } from '../../../errors.js';
import type { GrpcCall } from '../call.js';
import type { MessageReader } from './messages.js';

/** Messages that may wait for their answers. */
const MAX_UNANSWERED = 64;

/**
 * What a client sends on a call, message by message, as it is asked for; to its end, or until `signal` is aborted.
 * @throws Refusal where what it sends is none, or it ends within one
 */
export async function* messagesOf(
  call: GrpcCall,
  readerOf: (onMessage: (message: Buffer) => void) => MessageReader,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const come: Buffer[] = [];
  let isOver = false;
  let failure: unknown;
  let wake = (): void => {};
  const over = () => {
    isOver = true;
    wake();
  };
  const reader = readerOf((message) => come.push(message));
  call.onClosed.push(() => reader.settle(), over);
  signal.addEventListener('abort', over);
  call.read({
    data(chunk) {
      try {
        reader.push(chunk);
      } catch (error) {
        failure = error;
      }
      if (come.length > MAX_UNANSWERED) call.stream.pause();
      wake();
    },
    end: over,
  });
  for (;;) {
    yield* come.splice(0);
    if (failure !== undefined) throw failure;
    if (come.length > 0) continue;
    if (isOver) break;
    if (call.stream.isPaused) call.stream.resume();
    if (come.length === 0 && !isOver)
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
  }
  if (!call.hasEnded && !signal.aborted) assertWhole(reader);
}

/** When what was sent has gone out, or the call is over. */
export function drained(call: GrpcCall): Promise<void> {
  return new Promise((resolve) => {
    call.onDrain = () => {
      call.onDrain = undefined;
      resolve();
    };
  });
}

/** @throws Refusal where a message has begun and not ended */
export function assertWhole(reader: MessageReader): void {
  if (reader.isWithin) throw new Refusal('bad_request', 'the call ended within a message');
}
