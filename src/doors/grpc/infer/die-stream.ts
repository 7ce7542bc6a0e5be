import type { Refusal } from '../../../errors.js';
import type { GrpcCall } from '../call.js';
import { encodeStreamError, encodeStreamResponse, type ResponseHead } from './encode-response.js';
import type { InferAnswers } from './infer-exchange.js';

/** Messages of one stream that may wait for their answers; who sends more is read on when some are answered. */
const MAX_WAITING = 256;

/** One message of a stream, from its arrival to its answer. */
interface Slot {
  /** As it is to be sent; undefined until it is there. */
  answer: Uint8Array | undefined;
  /** Ends the call, in its turn; undefined where it does not. */
  refusal: Refusal | undefined;
}

interface DieStreamOptions {
  /** Starts a message on its way. */
  readonly begin: (message: Buffer, answers: InferAnswers, onGone: (listener: () => void) => void) => void;
  /** Whether a refusal ends the call by its status, as Triton's clients may ask, and is not a message of the stream. */
  readonly endsByStatus: boolean;
}

/** A stream of messages, each answered by one, in the order in which they came. */
export class DieStream {
  readonly #call: GrpcCall;
  readonly #options: DieStreamOptions;
  readonly #waiting: Slot[] = [];
  /** Of the messages that are on their way. */
  readonly #gone = new Set<() => void>();
  #hasEnded = false;
  #isBlocked = false;
  /** Why no more messages are taken. */
  #leaving: Refusal | undefined;

  constructor(call: GrpcCall, options: DieStreamOptions) {
    this.#call = call;
    this.#options = options;
    call.onGone(() => {
      for (const tell of this.#gone) tell();
    });
    call.onDrain = () => {
      this.#isBlocked = false;
      this.#flush();
    };
  }

  /** A message has come. */
  take(message: Buffer): void {
    const slot: Slot = { answer: undefined, refusal: undefined };
    this.#waiting.push(slot);
    if (this.#waiting.length >= MAX_WAITING) this.#call.stream.pause();
    let tell: (() => void) | undefined;
    const settled = () => {
      if (tell !== undefined) this.#gone.delete(tell);
      this.#flush();
    };
    this.#options.begin(
      message,
      {
        answer: (response) => {
          slot.answer = encodeStreamResponse(response);
          settled();
        },
        refuse: (refusal, request) => {
          this.#refused(slot, refusal, request);
          settled();
        },
      },
      (listener) => {
        tell = listener;
        this.#gone.add(listener);
      },
    );
  }

  /** Takes no more messages, and ends the call by a status when those that were taken are answered. */
  leave(refusal: Refusal): void {
    this.#leaving = refusal;
    this.#call.stream.pause();
    this.#flush();
  }

  /** No more messages come. */
  end(): void {
    this.#hasEnded = true;
    this.#flush();
  }

  #refused(slot: Slot, refusal: Refusal, request: Pick<ResponseHead, 'model' | 'id'>): void {
    if (this.#options.endsByStatus) slot.refusal = refusal;
    else slot.answer = encodeStreamError(refusal.message, request);
  }

  /** Sends what is answered, up to the first that is not. */
  #flush(): void {
    while (!this.#isBlocked && !this.#call.hasEnded) {
      const [first] = this.#waiting;
      if (first?.refusal !== undefined) {
        this.#call.refuse(first.refusal);
        for (const tell of this.#gone) tell();
        return;
      }
      if (first?.answer === undefined) break;
      this.#waiting.shift();
      this.#isBlocked = !this.#call.send(first.answer);
    }
    if (this.#waiting.length === 0 && this.#hasEnded) this.#call.finish();
    else if (this.#waiting.length === 0 && this.#leaving !== undefined) this.#call.refuse(this.#leaving);
    else if (this.#leaving !== undefined) return;
    else if (this.#waiting.length < MAX_WAITING && !this.#isBlocked && this.#call.stream.isPaused)
      this.#call.stream.resume();
  }
}
