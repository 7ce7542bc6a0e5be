/** What is done with a die whose record finds no room: its answer waits, it is refused, or its record is left out and counted. */
export type StallPolicy = 'block' | 'refuse' | 'drop';

/** What becomes of a record: it is taken, taken with the answer waiting for it, or left out. */
type RecordFate = 'taken' | 'awaited' | 'dropped';

/** Records that were left out, as the record of the gap tells it. */
interface Missing {
  readonly records: number;
  readonly fromMs: number;
  readonly toMs: number;
}

/**
 * How records and a disk that does not keep up go together: pure, told of bytes that wait and of faults of the disk. Nothing
 * is left out but by `drop`, and that is said by {@link takeMissing} once there is room.
 */
export class Pressure {
  readonly #policy: StallPolicy;
  readonly #limitBytes: number;
  #waitingBytes = 0;
  #fault: string | undefined;
  #missing: Missing | undefined;

  /** @param limitBytes that may wait before the policy decides */
  constructor(policy: StallPolicy, limitBytes: number) {
    this.#policy = policy;
    this.#limitBytes = limitBytes;
  }

  /** Bytes that wait for the disk. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** Why records are not written now; undefined where they are. */
  get stall(): string | undefined {
    if (this.#fault !== undefined) return this.#fault;
    if (this.#waitingBytes <= this.#limitBytes) return undefined;
    return `${this.#waitingBytes} bytes wait for the disk, expected at most ${this.#limitBytes}`;
  }

  /** Why no more dies may come in; undefined where they may. Also where answers wait, once twice as much waits. */
  get refusal(): string | undefined {
    const isFull = this.#policy === 'block' && this.#waitingBytes > 2 * this.#limitBytes;
    return this.#policy === 'refuse' || isFull ? this.stall : undefined;
  }

  /** Whether records were left out of which no record tells yet, and there is room for it. */
  get hasMissing(): boolean {
    return this.#missing !== undefined && this.#waitingBytes <= this.#limitBytes / 2;
  }

  /**
   * What becomes of a record of so many bytes. A record of a refusal is left out wherever there is no room, as
   * dies that are refused have no bound; of those that were let in there are only so many.
   */
  offer(bytes: number, nowMs: number, isRefusal: boolean): RecordFate {
    const isOver = this.#waitingBytes + bytes > this.#limitBytes;
    const mayDrop = this.#policy === 'drop' || isRefusal;
    if (mayDrop && (isOver || this.#missing !== undefined)) {
      // One gap in a row: what comes after the first is taken again when the gap has been told.
      const { records, fromMs } = this.#missing ?? { records: 0, fromMs: nowMs };
      this.#missing = { records: records + 1, fromMs, toMs: nowMs };
      return 'dropped';
    }
    this.#waitingBytes += bytes;
    const waits = this.#policy === 'block' && !isRefusal && (isOver || this.#fault !== undefined);
    return waits ? 'awaited' : 'taken';
  }

  /** So many bytes do not wait any more. */
  settled(bytes: number): void {
    this.#waitingBytes -= bytes;
  }

  /** The disk refuses, and why. */
  failed(reason: string): void {
    this.#fault = reason;
  }

  /** The disk takes records again. */
  recovered(): void {
    this.#fault = undefined;
  }

  /** Records that were left out; the caller writes a record of it. */
  takeMissing(): Missing | undefined {
    const missing = this.#missing;
    this.#missing = undefined;
    return missing;
  }
}
