import type { Socket } from 'node:net';
import type { RateHeaders } from '../../../callers/rates.js';
import type { Target } from '../../../routing/targets.js';
import { ArrivingBody, type ArrivingBytes } from '../../../rows/arriving-bytes.js';
import type { RequestHead } from './request-head.js';

/** A request of which every byte has come. */
export interface DirectRequest {
  readonly head: RequestHead;
  /** Of the body, as they were read from the socket, one behind the other. */
  readonly pieces: readonly Buffer[];
  /** When its first bytes came, on the clock of the connection's owner. */
  readonly receivedAtMs: number;
  /** Of a request that was let in when only its head had come: it is not refused for what has begun since. */
  readonly admission: DirectAdmission | undefined;
  /** Registers what is to happen when the client has gone before it was answered. */
  readonly onGone: (listener: () => void) => void;
}

/** That a request was let in. */
export interface DirectAdmission {
  /** What its answer is to say of the rate that it was counted for. */
  readonly rate: RateHeaders | undefined;
  /** Where its dies were to go then. */
  readonly target: Target | undefined;
}

/** What a connection asks of the one that owns it. */
export interface ConnectionOwner {
  nowMs(): number;
  /** Longest body that is taken here, bytes. */
  readonly maxBodyBytes: number;
  /** What large bodies share. */
  readonly arriving: ArrivingBytes;
  /** See `KnownHeads.read`. */
  readHead(bytes: Buffer): RequestHead | undefined;
  /** Lets a request in of which only the head has come; undefined where it is not to go on here. */
  admit(head: RequestHead, connection: DirectConnection): DirectAdmission | undefined;
  /** Answers by `connection.answer`, or declines by false: the request then goes the other way. */
  take(request: DirectRequest, connection: DirectConnection): boolean;
  /**
   * The other way: the connection, which is paused, and its bytes are somebody else's from now on.
   * @param first the first of them that have come and not been taken; undefined for none
   */
  handOver(socket: Socket, first: Buffer | undefined): void;
  /** A request has not come to its end, and will not. */
  cutOff(socket: Socket, error: Error): void;
  closed(connection: DirectConnection): void;
}

/**
 * A connection whose requests are read directly from its socket, one after another. The first one that is
 * not plain is handed over with the whole connection, without a byte of it being lost.
 */
export class DirectConnection {
  readonly socket: Socket;
  readonly #owner: ConnectionOwner;
  /** What has come of the request under way, its head included. */
  #arriving: ArrivingBody | undefined;
  #head: RequestHead | undefined;
  #admission: DirectAdmission | undefined;
  #isAnswering = false;
  #hasAnswered = false;
  #isEnding = false;
  #endsAfterAnswer = false;
  /** Whom to tell when the client goes before it is answered. */
  #gone: (() => void)[] = [];
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
    if (this.#arriving !== undefined) return 'arriving';
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
   * @param encoding latin1 where no character needs more: it is written faster
   * @returns whether anybody is there to be answered
   */
  answer(text: string, encoding: 'latin1' | 'utf8'): boolean {
    this.#isAnswering = false;
    this.#hasAnswered = true;
    this.#gone = [];
    this.#sinceMs = this.#owner.nowMs();
    if (!this.socket.writable) return false;
    this.socket.write(text, encoding);
    if (this.isLast) this.#end();
    else {
      if (this.socket.isPaused()) this.socket.resume();
      if (this.#arriving !== undefined) this.#advance(this.#arriving);
    }
    return true;
  }

  /** Makes the next answer the last one. */
  endAfterAnswer(): void {
    this.#endsAfterAnswer = true;
  }

  /** Ends the connection once it is answered: after the request that is arriving or being answered, if there is one. */
  close(): void {
    if (this.#isAnswering || this.#arriving !== undefined) this.endAfterAnswer();
    else this.#end();
  }

  /** Ends the connection in the middle of a request that is arriving. */
  cutOff(error: Error): void {
    this.#stopReading();
    this.#owner.cutOff(this.socket, error);
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
    const pieces = this.#arriving?.pieces ?? [];
    for (const piece of [...pieces].reverse()) socket.unshift(piece);
    this.#drop();
    this.#owner.handOver(socket, this.#hasAnswered ? undefined : pieces[0]);
  }

  /** Ends the connection once what was written is sent. */
  #end(): void {
    this.#stopReading();
    this.socket.destroySoon();
  }

  /** What still comes is thrown away. */
  #stopReading(): void {
    this.#isEnding = true;
    this.#drop();
    this.socket.off('data', this.#onData).resume();
  }

  #drop(): void {
    this.#arriving?.settle();
    this.#arriving = undefined;
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#arriving ??= new ArrivingBody(this.#owner.arriving);
    const hasRoom = this.#arriving.add(chunk);
    // A client that sends ahead is read on when it has been answered: this is all that is read of it until then.
    if (this.#isAnswering) this.socket.pause();
    // Where there is no room, node:http has the words for it.
    else if (hasRoom) this.#advance(this.#arriving);
    else this.handOver();
  };

  #advance(arriving: ArrivingBody): void {
    const isNew = this.#head === undefined;
    if (isNew) this.#sinceMs = this.#owner.nowMs();
    const [first] = arriving.pieces;
    if (first !== undefined) this.#head ??= this.#owner.readHead(first);
    const head = this.#head;
    const missing = head === undefined ? 0 : head.bytes + head.contentLength - arriving.bytes;
    if (head === undefined || head.contentLength > this.#owner.maxBodyBytes) this.handOver();
    // Who does not read its answers is read no further by node:http, either.
    else if (this.socket.writableNeedDrain) this.handOver();
    else if (missing === 0) this.#take(head, arriving);
    // With the next request behind it, answers would have to wait for one another: node:http knows how.
    else if (missing < 0) this.handOver();
    else if (isNew) {
      this.#admission = this.#owner.admit(head, this);
      if (this.#admission === undefined) this.handOver();
    }
  }

  #take(head: RequestHead, arriving: ArrivingBody): void {
    const [first, ...others] = arriving.pieces;
    const gone: (() => void)[] = [];
    const rest = first?.subarray(head.bytes);
    const request: DirectRequest = {
      head,
      pieces: rest === undefined || rest.length === 0 ? others : [rest, ...others],
      receivedAtMs: this.#sinceMs,
      admission: this.#admission,
      onGone: (listener) => gone.push(listener),
    };
    this.#admission = undefined;
    this.#gone = gone;
    this.#isAnswering = true;
    this.#head = undefined;
    this.#drop();
    if (this.#owner.take(request, this)) return;
    this.#isAnswering = false;
    this.#arriving = arriving;
    this.handOver();
  }

  readonly #onEnd = (): void => {
    // As with node:http: who has left says no more than who has only ended its side, and is not waited for.
    if (this.#isAnswering || this.#arriving === undefined) this.#end();
    else this.cutOff(new Error('the connection ended within a request'));
  };

  readonly #onClose = (): void => {
    this.#drop();
    this.#owner.closed(this);
    for (const tell of this.#gone.splice(0)) tell();
  };
}

/** A broken connection is followed by its close. */
function ignore(): void {}
