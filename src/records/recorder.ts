import { Refusal } from '../errors.js';
import type { Clock } from '../serving/clock.js';
import { ENTRY_HEAD_BYTES, RECORD_BYTES_AT, ROW_BYTES_AT } from './open-segment.js';
import { Pressure, type StallPolicy } from './pressure.js';
import { type NewRecord, RECORD_KINDS } from './record.js';
import { encodeGateRecord, type RecordMemory, recordMemory, roomForRecord } from './record-codec.js';
import { ROW_IS_DROPPED, ROW_IS_HASHED } from './segment-writer.js';
import type { FromWriter, Recovered, SealedSegment, ToWriter } from './thread-messages.js';

/** Who is told what becomes of the log; told, never asked. */
export interface RecordsObserver {
  /** Records are not written for a while; `undefined` when they are again. */
  stalled?(reason: string | undefined): void;
  recovered?(found: Recovered): void;
  sealed?(segment: SealedSegment): void;
  sealFailed?(segment: number, reason: string): void;
  /** Sealed segments that were older or more than is kept. */
  left?(segments: readonly number[]): void;
  /** Records that were left out, by the policy `drop`. */
  missed?(records: number): void;
}

/** The thread that writes, as the recorder sees it. */
interface WriterThread {
  post(message: ToWriter, memory: readonly ArrayBuffer[]): void;
  onMessage(listener: (message: FromWriter) => void): void;
}

export interface RecorderOptions {
  readonly thread: WriterThread;
  readonly clock: Clock;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Whether answers wait until their records are durable. */
  readonly isDurable: boolean;
  readonly onStall: StallPolicy;
  /** Bytes of records, with their rows, that may wait for the disk. */
  readonly bufferBytes: number;
  readonly observers: readonly RecordsObserver[];
}

/** The measurement of a record. */
interface RecordRow {
  /** float32 [parameters], read before the record has been taken. */
  readonly values: Float32Array | undefined;
  /** SHA-256 of it, 32 bytes, where somebody has it; else the thread makes it. */
  readonly hash: Uint8Array | undefined;
  /** Whether the measurement itself is kept. */
  readonly isKept: boolean;
}

const NO_ROW: RecordRow = { values: undefined, hash: undefined, isKept: false };

const CHUNK_BYTES = 512 * 1024;
// How long a record may wait for company, where nobody waits for it.
const FLUSH_AFTER_MS = 50;
const MAX_FREE_CHUNKS = 8;
// How often those who wait are looked at for deadlines.
const LOOK_MS = 10;

/** Somebody who waits for the records up to one. */
interface Waiter {
  readonly upTo: number;
  /** Whether it is to be durable, or only written. */
  readonly durable: boolean;
  readonly deadlineAtMs: number;
  readonly resolve: () => void;
  readonly reject: (refusal: Refusal) => void;
}

/**
 * Takes records on the event loop and hands them in chunks to the thread that writes them. What it costs a die is one
 * encoding into memory that is kept.
 */
export class Recorder {
  readonly #options: RecorderOptions;
  readonly #pressure: Pressure;
  readonly #free: ArrayBuffer[] = [];
  readonly #counts = new Array<number>(RECORD_KINDS.length).fill(0);
  #chunk: RecordMemory | undefined;
  #used = 0;
  #records = 0;
  #isAwaited = false;
  #flushIsPlanned = false;
  #awaitedInFlight = 0;
  #appended = 0;
  #written = 0;
  #durable = 0;
  #missed = 0;
  #waiters: Waiter[] = [];
  #lookIsPlanned = false;
  #said: string | undefined;
  #onClosed: (() => void) | undefined;

  constructor(options: RecorderOptions) {
    this.#options = options;
    this.#pressure = new Pressure(options.onStall, options.bufferBytes);
    options.thread.onMessage((message) => this.#heard(message));
  }

  /** Records by kind, since the start. */
  get counts(): ReadonlyMap<string, number> {
    return new Map(RECORD_KINDS.map((kind, index) => [kind, this.#counts[index] ?? 0]));
  }

  /** Records that were left out since the start. */
  get missed(): number {
    return this.#missed;
  }

  /** Bytes that wait for the disk. */
  get waitingBytes(): number {
    return this.#pressure.waitingBytes;
  }

  /** Why the server is not ready to take dies; undefined where it is. */
  get refusal(): string | undefined {
    return this.#pressure.refusal;
  }

  /** @throws Refusal `records_unavailable` where no more dies may come in */
  assertOpen(): void {
    const reason = this.#pressure.refusal;
    if (reason !== undefined)
      throw new Refusal('records_unavailable', `no record of the die can be kept: ${reason}`, {
        retryAfterSeconds: 1,
      });
  }

  /**
   * Takes a record.
   * @param modelHash 32 bytes
   * @returns whether an answer has to wait for it, by {@link whenKept}
   */
  append(record: NewRecord, modelHash?: Uint8Array | undefined, row: RecordRow = NO_ROW): boolean {
    const { values, hash, isKept } = row;
    // A row whose hash is known and that nobody keeps goes no further.
    const carried = hash === undefined || isKept ? values : undefined;
    const rowBytes = carried?.byteLength ?? 0;
    const memory = this.#roomFor(ENTRY_HEAD_BYTES + roomForRecord(record) + rowBytes);
    const at = this.#used;
    const rowHash = hash ?? (carried === undefined ? undefined : 'later');
    const end = encodeGateRecord(memory, at + ENTRY_HEAD_BYTES, record, modelHash, rowHash);
    const bytes = end - at + rowBytes;
    const fate = this.#pressure.offer(bytes, record.time, record.kind === 'refusal');
    if (fate === 'dropped') {
      this.#missed++;
      this.#sayStall();
      return false;
    }
    memory.view.setUint32(at + RECORD_BYTES_AT, end - at - ENTRY_HEAD_BYTES, true);
    const flags = (rowHash === 'later' ? ROW_IS_HASHED : 0) + (isKept ? 0 : ROW_IS_DROPPED);
    memory.view.setUint32(at + ROW_BYTES_AT, carried === undefined ? 0 : rowBytes + flags, true);
    if (carried !== undefined)
      memory.bytes.set(new Uint8Array(carried.buffer, carried.byteOffset, rowBytes), end);
    this.#used += bytes;
    this.#records++;
    this.#appended++;
    const index = RECORD_KINDS.indexOf(record.kind);
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
    this.#planFlush();
    if (fate === 'taken') return this.#options.isDurable;
    this.#sayStall();
    return true;
  }

  /**
   * Resolves when every record so far is kept: durable, or at least written where the server does not answer by that.
   * @throws Refusal `deadline_exceeded` where the deadline, on the server's clock, passes before
   */
  whenKept(deadlineAtMs = Number.POSITIVE_INFINITY): Promise<void> {
    return this.#wait(this.#options.isDurable, deadlineAtMs);
  }

  /** Takes a record that is no die's, and resolves when it is durable. */
  appendDurably(record: NewRecord): Promise<void> {
    this.append(record);
    this.#isAwaited = true;
    this.#flush();
    return this.#wait(true, Number.POSITIVE_INFINITY);
  }

  /** Nobody writes any more; it is told by the same ways as a disk that refuses. */
  lost(reason: string): void {
    this.#pressure.failed(reason);
    this.#sayStall();
  }

  /** Hands on all records, and resolves when they are durable and the log is closed. */
  async close(): Promise<void> {
    this.#flush();
    await new Promise<void>((resolve) => {
      this.#onClosed = resolve;
      this.#options.thread.post({ type: 'close' }, []);
    });
  }

  #wait(durable: boolean, deadlineAtMs: number): Promise<void> {
    const upTo = this.#appended;
    if ((durable ? this.#durable : this.#written) >= upTo) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiters.push({ upTo, durable, deadlineAtMs, resolve, reject });
      this.#planLook();
    });
  }

  #roomFor(bytes: number): RecordMemory {
    if (this.#chunk !== undefined && this.#used + bytes <= this.#chunk.bytes.length) return this.#chunk;
    this.#flush();
    this.#chunk = recordMemory(
      bytes <= CHUNK_BYTES
        ? (this.#free.pop() ?? new ArrayBuffer(CHUNK_BYTES))
        : // A die of very many parameters.
          new ArrayBuffer(bytes),
    );
    return this.#chunk;
  }

  /** Where answers wait, the next group leaves when the one before is durable; else after some milliseconds. */
  #planFlush(): void {
    if (this.#flushIsPlanned || this.#records === 0) return;
    const { clock, isDurable } = this.#options;
    if (isDurable && this.#awaitedInFlight > 0) return;
    this.#flushIsPlanned = true;
    const flush = () => {
      this.#flushIsPlanned = false;
      this.#flush();
    };
    if (isDurable) clock.soon(flush);
    else clock.after(FLUSH_AFTER_MS, flush);
  }

  #flush(): void {
    if (this.#chunk === undefined || this.#records === 0) return;
    const { buffer: memory } = this.#chunk.view;
    const isAwaited = this.#isAwaited || this.#options.isDurable;
    const message = {
      type: 'chunk' as const,
      memory,
      bytes: this.#used,
      records: this.#records,
      isAwaited,
    };
    this.#chunk = undefined;
    this.#used = 0;
    this.#records = 0;
    this.#isAwaited = false;
    if (isAwaited) this.#awaitedInFlight++;
    this.#options.thread.post(message, [memory]);
  }

  #heard(message: FromWriter): void {
    const { observers } = this.#options;
    switch (message.type) {
      case 'progress':
        this.#progressed(message);
        return;
      case 'stalled':
        this.#pressure.failed(message.reason);
        this.#sayStall();
        return;
      case 'recovered':
        this.#pressure.recovered();
        this.#sayStall();
        if (message.lost > 0)
          this.#appendGap({ reason: 'the open segment was removed', records: message.lost });
        return;
      case 'sealed':
        for (const observer of observers) observer.sealed?.(message);
        return;
      case 'sealFailed':
        for (const observer of observers) observer.sealFailed?.(message.segment, message.reason);
        return;
      case 'left':
        for (const observer of observers) observer.left?.(message.segments);
        return;
      case 'closed':
        this.#onClosed?.();
        return;
      case 'opened':
      case 'unfit':
        return;
    }
  }

  #progressed({ written, durable, bytes, awaited, memory }: Extract<FromWriter, { type: 'progress' }>): void {
    this.#written = written;
    this.#durable = durable;
    for (const one of memory)
      if (one.byteLength === CHUNK_BYTES && this.#free.length < MAX_FREE_CHUNKS) this.#free.push(one);
    this.#awaitedInFlight -= awaited;
    this.#pressure.settled(bytes);
    const isKept = ({ upTo, durable: isDurable }: Waiter) => upTo <= (isDurable ? durable : written);
    const kept = this.#waiters.filter(isKept);
    if (kept.length > 0) this.#waiters = this.#waiters.filter((waiter) => !isKept(waiter));
    for (const { resolve } of kept) resolve();
    this.#planFlush();
    this.#sayStall();
    if (!this.#pressure.hasMissing) return;
    const missing = this.#pressure.takeMissing();
    if (missing === undefined) return;
    for (const observer of this.#options.observers) observer.missed?.(missing.records);
    this.#appendGap({ reason: 'the disk did not keep up', ...missing });
  }

  #appendGap(detail: { readonly reason: string; readonly records: number }): void {
    this.append({ kind: 'gap', time: this.#options.now(), detail: JSON.stringify(detail) });
  }

  #sayStall(): void {
    const { stall } = this.#pressure;
    if ((stall === undefined) === (this.#said === undefined)) return;
    this.#said = stall;
    for (const observer of this.#options.observers) observer.stalled?.(stall);
  }

  /** An answer later than its deadline is worse than none: who waits too long is refused. */
  #planLook(): void {
    if (this.#lookIsPlanned || this.#waiters.length === 0) return;
    this.#lookIsPlanned = true;
    this.#options.clock.after(LOOK_MS, () => {
      this.#lookIsPlanned = false;
      const nowMs = this.#options.clock.nowMs();
      const late = this.#waiters.filter(({ deadlineAtMs }) => deadlineAtMs <= nowMs);
      if (late.length > 0) this.#waiters = this.#waiters.filter(({ deadlineAtMs }) => deadlineAtMs > nowMs);
      for (const { reject } of late)
        reject(new Refusal('deadline_exceeded', 'the deadline passed before the record was kept'));
      this.#planLook();
    });
  }
}
