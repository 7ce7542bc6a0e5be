import type { Socket } from 'node:net';
import type { RequestHead } from './request-head.js';

/** A request of which every byte has come. */
export interface DirectRequest {
  readonly head: RequestHead;
  /** A view of what was read from the socket. */
  readonly body: Buffer;
  /** When its first bytes came, on the clock of the connection's owner. */
  readonly receivedAtMs: number;
  /** Whether `admits` let it in when only its head had come: it is not refused for what has begun since. */
  readonly isAdmitted: boolean;
  /** Registers what is to happen when the client has gone; called at most once for a request. */
  readonly onGone: (listener: () => void) => void;
}

/** What a connection asks of the one that owns it. */
export interface ConnectionOwner {
  nowMs(): number;
  /** Longest body that is taken here, bytes. */
  readonly maxBodyBytes: number;
  /** See `KnownHeads.read`. */
  readHead(bytes: Buffer): RequestHead | undefined;
  /** Whether a request of which only the head has come may go on here. */
  admits(head: RequestHead): boolean;
  /** Answers by `connection.answer`, or declines by false: the request then goes the other way. */
  take(request: DirectRequest, connection: DirectConnection): boolean;
  /** The other way: the connection's bytes are node:http's from now on. */
  handOver(socket: Socket): void;
  /** The client ended its side within a request. */
  cutOff(socket: Socket): void;
  closed(connection: DirectConnection): void;
}

// A body that comes in more pieces than this is put together by node:http, which does not copy them again.
const MAX_PIECES = 8;

/**
 * A connection whose requests are read directly from its socket, one after another. The first one that is
 * not plain is handed over with the whole connection, without a byte of it being lost.
 */
export class DirectConnection {
  readonly socket: Socket;
  readonly #owner: ConnectionOwner;
  #bytes: Buffer | undefined;
  #pieces = 0;
  #head: RequestHead | undefined;
  #isAdmitted = false;
  #isAnswering = false;
  #hasAnswered = false;
  #isEnding = false;
  #endsAfterAnswer = false;
  #gone: (() => void) | undefined;
  #sinceMs: number;

  constructor(socket: Socket, owner: ConnectionOwner) {
    this.socket = socket;
    this.#owner = owner;
    this.#sinceMs = owner.nowMs();
    socket.on('data', this.#onData);
    socket.on('end', this.#onEnd);
    socket.on('close', this.#onClose);
    socket.on('error', ignore);
  }

  /**
   * `ending` where nothing is read any more, `answering` a request, `arriving` where a part of one has
   * come, `idle` after one, else `new`.
   */
  get state(): 'new' | 'arriving' | 'answering' | 'idle' | 'ending' {
    if (this.#isEnding) return 'ending';
    if (this.#isAnswering) return 'answering';
    if (this.#bytes !== undefined) return 'arriving';
    return this.#hasAnswered ? 'idle' : 'new';
  }

  /** When the state began, on the owner's clock. */
  get sinceMs(): number {
    return this.#sinceMs;
  }

  /** Whether the next answer is the last one. */
  get isLast(): boolean {
    return this.#endsAfterAnswer;
  }

  /**
   * Writes the answer of the request that was taken last, and goes on with the next one.
   * @returns whether anybody is there to be answered
   */
  answer(text: string): boolean {
    this.#isAnswering = false;
    this.#hasAnswered = true;
    this.#gone = undefined;
    this.#sinceMs = this.#owner.nowMs();
    if (!this.socket.writable) return false;
    this.socket.write(text);
    if (this.isLast) this.#end();
    else {
      if (this.socket.isPaused()) this.socket.resume();
      if (this.#bytes !== undefined) this.#advance();
    }
    return true;
  }

  /** Makes the next answer the last one. */
  endAfterAnswer(): void {
    this.#endsAfterAnswer = true;
  }

  /** Ends the connection when no request is being answered or arriving. */
  close(): void {
    if (this.#isAnswering || this.#bytes !== undefined) this.endAfterAnswer();
    else this.#end();
  }

  /** Gives the connection, and the bytes of a request that has not been taken, to node:http. */
  handOver(): void {
    const { socket } = this;
    socket.off('data', this.#onData);
    socket.off('end', this.#onEnd);
    socket.off('close', this.#onClose);
    socket.off('error', ignore);
    this.#owner.closed(this);
    // Paused, or the bytes would be lost before somebody listens again.
    socket.pause();
    if (this.#bytes !== undefined) socket.unshift(this.#bytes);
    this.#bytes = undefined;
    this.#owner.handOver(socket);
    socket.resume();
  }

  /** Ends the connection once what was written is sent; what still comes is thrown away. */
  #end(): void {
    this.#isEnding = true;
    this.#bytes = undefined;
    this.socket.off('data', this.#onData).resume();
    this.socket.destroySoon();
  }

  readonly #onData = (chunk: Buffer): void => {
    if (this.#bytes === undefined) {
      this.#bytes = chunk;
      this.#pieces = 1;
    } else {
      this.#bytes = Buffer.concat([this.#bytes, chunk]);
      this.#pieces++;
    }
    // A client that sends ahead is read on when it has been answered.
    if (this.#isAnswering) this.socket.pause();
    else this.#advance();
  };

  #advance(): void {
    const bytes = this.#bytes;
    if (bytes === undefined) return;
    const isNew = this.#head === undefined;
    if (isNew) this.#sinceMs = this.#owner.nowMs();
    this.#head ??= this.#owner.readHead(bytes);
    const head = this.#head;
    const end = head === undefined ? 0 : head.bytes + head.contentLength;
    if (head === undefined || head.contentLength > this.#owner.maxBodyBytes) this.handOver();
    // Who does not read its answers is read no further by node:http, either.
    else if (this.socket.writableNeedDrain) this.handOver();
    else if (bytes.length === end) this.#take(head, bytes);
    // With the next request behind it, answers would have to wait for one another: node:http knows how.
    else if (bytes.length > end || this.#pieces > MAX_PIECES) this.handOver();
    else if (isNew) {
      this.#isAdmitted = this.#owner.admits(head);
      if (!this.#isAdmitted) this.handOver();
    }
  }

  #take(head: RequestHead, bytes: Buffer): void {
    const request: DirectRequest = {
      head,
      body: bytes.subarray(head.bytes),
      receivedAtMs: this.#sinceMs,
      isAdmitted: this.#isAdmitted,
      onGone: this.#onGone,
    };
    this.#isAdmitted = false;
    this.#isAnswering = true;
    this.#head = undefined;
    this.#bytes = undefined;
    if (this.#owner.take(request, this)) return;
    this.#isAnswering = false;
    this.#bytes = bytes;
    this.handOver();
  }

  readonly #onGone = (listener: () => void): void => {
    this.#gone = listener;
  };

  readonly #onEnd = (): void => {
    // As with node:http: who has left says no more than who has only ended its side, and is not waited for.
    if (this.#isAnswering || this.#bytes === undefined) this.#end();
    else {
      this.#isEnding = true;
      this.#bytes = undefined;
      this.#owner.cutOff(this.socket);
    }
  };

  readonly #onClose = (): void => {
    this.#owner.closed(this);
    this.#gone?.();
    this.#gone = undefined;
  };
}

/** A broken connection is followed by its close. */
function ignore(): void {}
