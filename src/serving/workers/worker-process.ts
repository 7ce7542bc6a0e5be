import { type ChildProcess, spawn } from 'node:child_process';
import { Duplex, type Readable, type Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { Clock } from '../clock.js';
import {
  CHANNEL_FD,
  FrameReader,
  FrameWriter,
  framePieces,
  fromWire,
  isFromWorker,
  toWire,
} from './frames.js';
import type { FromWorker, ToWorker } from './messages.js';

/** The compiled entry of a worker process. */
export const WORKER_ENTRY = fileURLToPath(new URL('./worker.js', import.meta.url));

/** Bytes of workers' words that may wait for whoever reads stderr. */
const MAX_UNREAD_WORDS = 65_536;

/** The worker died, hung or said something that was not expected; `message` says which. */
export class WorkerLost extends Error {
  override readonly name = 'WorkerLost';
}

/** The worker lives and says that it could not do what it was asked. */
export class WorkerRefused extends Error {
  override readonly name = 'WorkerRefused';
}

interface Pending {
  readonly expected: FromWorker['type'];
  readonly resolve: (answer: FromWorker) => void;
  readonly reject: (error: WorkerLost | WorkerRefused) => void;
  readonly stopWatch: () => void;
}

/**
 * glibc raises this threshold by itself to the largest block that was freed, and from then on keeps what a closed
 * session held. Set, it stays: weights are mapped and given back. Other C libraries do not read it.
 */
const MEMORY_GIVEN_BACK = { MALLOC_MMAP_THRESHOLD_: '131072' };

interface WorkerProcessOptions {
  readonly entry: string;
  readonly clock: Clock;
  /** Called once, when the process has ended, was killed or could not be started; never before the constructor returns. */
  readonly onExit: (reason: string) => void;
}

/**
 * One worker process seen from the server: requests in, answers out, in order. A request that is not
 * answered in time kills the process: a run cannot be cancelled.
 */
export class WorkerProcess {
  /** Resolves when the process is really gone; a killed one is lost before that. */
  readonly exited: Promise<void>;
  readonly #child: ChildProcess;
  /** Undefined where the process could not be started for want of file descriptors. */
  readonly #channel: Duplex | undefined;
  readonly #paced: PacedWriter | undefined;
  readonly #reader = new FrameReader();
  readonly #writer = new FrameWriter();
  readonly #clock: Clock;
  readonly #pending: Pending[] = [];
  readonly #onExit: (reason: string) => void;
  #ended: string | undefined;

  constructor({ entry, clock, onExit }: WorkerProcessOptions) {
    this.#clock = clock;
    this.#onExit = onExit;
    this.#child = spawn(process.execPath, ['--max-semi-space-size=2', '--expose-gc', entry], {
      // Set for the worker from its first instruction on: see telemetry-off.ts.
      env: { ...MEMORY_GIVEN_BACK, ...process.env, ORT_DISABLE_TELEMETRY: '1' },
      // The last one is the channel, CHANNEL_FD.
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    });
    passOn(this.#child.stdout);
    passOn(this.#child.stderr);
    this.#channel = channelOf(this.#child);
    this.#paced = this.#channel && new PacedWriter(this.#channel);
    this.#channel?.on('data', (chunk: Buffer) => this.#read(chunk));
    // A worker that dies with bytes unread breaks its channel before its exit is known, and the exit
    // says why: a broken channel only makes sure that it comes.
    this.#channel?.on('error', () => this.#child.kill('SIGKILL'));
    this.#child.on('error', (error) => this.kill(`it could not be reached: ${error.message}`));
    this.#child.on('exit', (code, signal) =>
      this.#end(signal === null ? `exit code ${code}` : `signal ${signal}`),
    );
    this.exited = new Promise((resolve) => {
      this.#child.once('exit', () => resolve());
      // A process that could not be started never exits.
      this.#child.once('error', () => {
        if (this.#child.pid === undefined) resolve();
      });
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Whether the process has answered everything that it was asked. */
  get isFree(): boolean {
    return this.#pending.length === 0;
  }

  /** Resolves when the process says that it has started. */
  started(timeoutMs: number): Promise<void> {
    return this.#expect('started', timeoutMs).then(() => undefined);
  }

  /**
   * Sends a request and waits for its answer.
   * @throws WorkerRefused when the worker says that it failed
   * @throws WorkerLost when the process ends first, or does not answer within `timeoutMs` and is killed
   */
  async request<T extends FromWorker['type']>(
    message: ToWorker,
    expected: T,
    timeoutMs: number,
  ): Promise<Extract<FromWorker, { type: T }>> {
    const answer = this.#expect(expected, timeoutMs);
    if (this.#ended === undefined) this.#send(message);
    return narrow(await answer, expected);
  }

  /** Ends the process at once; everything it was asked is lost. */
  kill(reason: string): void {
    this.#child.kill('SIGKILL');
    this.#end(reason);
  }

  /** Lets the process end by itself and resolves when it has. */
  async close(): Promise<void> {
    this.#channel?.end();
    const stop = this.#clock.after(1000, () => this.#child.kill('SIGKILL'));
    await this.exited;
    stop();
  }

  /**
   * The message has been copied when this returns, whether or not the socket takes it at once, but for what a version is
   * opened from: that never changes, and to copy a model file would stop everybody for a tenth of a second. The
   * writer's buffer is used again only when the socket has taken all of the message before.
   */
  #send(message: ToWorker): void {
    if (this.#channel === undefined) return;
    const { head, parts } = toWire(message);
    if (message.type === 'open' || this.#paced?.isUnderWay === true) {
      this.#paced?.write(
        framePieces(head, message.type === 'open' ? parts : parts.map((part) => part.slice())),
      );
      return;
    }
    const writer = this.#channel.writableLength === 0 ? this.#writer : new FrameWriter();
    this.#channel.write(writer.write(head, parts));
  }

  #read(chunk: Buffer): void {
    try {
      this.#reader.push(chunk, (frame) => {
        const message = fromWire(frame);
        if (!isFromWorker(message)) throw new Error(`it said ${frame.head.slice(0, 100)}`);
        this.#receive(message);
      });
    } catch (error) {
      this.kill(`its channel cannot be read: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  #expect(expected: FromWorker['type'], timeoutMs: number): Promise<FromWorker> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) {
        reject(new WorkerLost(this.#ended));
        return;
      }
      const stopWatch = this.#clock.after(timeoutMs, () => this.kill(`no answer within ${timeoutMs} ms`));
      this.#pending.push({ expected, resolve, reject, stopWatch });
    });
  }

  #receive(message: FromWorker): void {
    const waiter = this.#pending.shift();
    if (waiter === undefined) {
      this.kill(`it said "${message.type}" without having been asked`);
      return;
    }
    waiter.stopWatch();
    if (message.type === waiter.expected) waiter.resolve(message);
    else if (message.type === 'failed') waiter.reject(new WorkerRefused(message.message));
    else {
      waiter.reject(new WorkerLost(`it said "${message.type}", expected "${waiter.expected}"`));
      this.kill(`it said "${message.type}", expected "${waiter.expected}"`);
    }
  }

  #end(reason: string): void {
    if (this.#ended !== undefined) return;
    this.#ended = reason;
    for (const { stopWatch, reject } of this.#pending.splice(0)) {
      stopWatch();
      reject(new WorkerLost(reason));
    }
    this.#onExit(reason);
  }
}

/**
 * A worker's words (native warnings, a crash's last line) belong to the operator, and not to the server's own stdout,
 * which is its log. They are passed on, as a child that inherits stderr makes it wait for its reader for everybody that
 * shares it: a reader that is stuck would then stop the server. What nobody takes is dropped.
 */
function passOn(words: Readable | null | undefined): void {
  words?.on('data', (chunk: Buffer) => {
    if (process.stderr.writableLength < MAX_UNREAD_WORDS) process.stderr.write(chunk);
  });
}

/** Node gives a process that it had no file descriptors for no streams at all; its `error` follows. */
function channelOf(child: Partial<Pick<ChildProcess, 'stdio'>>): Duplex | undefined {
  const channel = child.stdio?.[CHANNEL_FD];
  return channel instanceof Duplex ? channel : undefined;
}

function narrow<T extends FromWorker['type']>(answer: FromWorker, type: T): Extract<FromWorker, { type: T }> {
  if (isOfType(answer, type)) return answer;
  throw new WorkerLost(`it said "${answer.type}", expected "${type}"`);
}

function isOfType<T extends FromWorker['type']>(
  answer: FromWorker,
  type: T,
): answer is Extract<FromWorker, { type: T }> {
  return answer.type === type;
}

/** Bytes that are written in one turn of the event loop: less than a millisecond of it. */
const PIECE_BYTES = 256 * 1024;

/** Writes to a stream, what is long in pieces, each in a turn of the event loop of its own: others have theirs between. */
export class PacedWriter {
  readonly #stream: Writable;
  readonly #waiting: Uint8Array[] = [];
  #isUnderWay = false;

  constructor(stream: Writable) {
    this.#stream = stream;
  }

  /** Whether something long is being written: whatever follows is to be written by this too. */
  get isUnderWay(): boolean {
    return this.#isUnderWay;
  }

  /** @param parts must not change any more */
  write(parts: readonly Uint8Array[]): void {
    const isLong = parts.reduce((sum, { length }) => sum + length, 0) > PIECE_BYTES;
    if (!isLong && !this.#isUnderWay) {
      for (const part of parts) this.#stream.write(part);
      return;
    }
    this.#waiting.push(...parts);
    if (!this.#isUnderWay) this.#next();
  }

  #next(): void {
    const part = this.#waiting.shift();
    this.#isUnderWay = part !== undefined;
    if (part === undefined) return;
    if (part.length > PIECE_BYTES) this.#waiting.unshift(part.subarray(PIECE_BYTES));
    this.#stream.write(part.subarray(0, PIECE_BYTES), (error) => {
      // The end of a worker that takes nothing more is told by its process.
      if (!(error instanceof Error)) setImmediate(() => this.#next());
    });
  }
}
