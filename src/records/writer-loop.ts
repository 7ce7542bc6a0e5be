import type { Clock } from '../serving/clock.js';
import type { RecordsDisk } from './disk.js';
import { type ClosedSegment, SegmentWriter } from './segment-writer.js';
import type { FromWriter, ToWriter, WriterSettings } from './thread-messages.js';

interface WriterLoopOptions {
  readonly settings: Pick<WriterSettings, 'folder' | 'segmentBytes' | 'segmentMs'>;
  readonly disk: RecordsDisk;
  readonly clock: Clock;
  readonly segment: number;
  readonly next: number;
  readonly say: (message: FromWriter, memory?: readonly ArrayBuffer[]) => void;
  /** A segment is closed and may be sealed. */
  readonly onClosed: (closed: ClosedSegment) => void;
}

// What nobody waits for is made durable at least so often.
const SYNC_EVERY_MS = 1000;
// How long after a fault of the disk it is tried again.
const RETRY_AFTER_MS = 500;

/** What the thread does with records: writes, makes durable, ends segments, and tries again what the disk has refused. */
export class WriterLoop {
  readonly #options: WriterLoopOptions;
  readonly #writer: SegmentWriter;
  #begunAtMs = 0;
  #taken = 0;
  #written = 0;
  #durable = 0;
  /** Of chunks that have been taken and not told of yet. */
  #bytes = 0;
  #awaited = 0;
  #memory: ArrayBuffer[] = [];
  #isFailed = false;
  #syncIsPlanned = false;
  #isClosing = false;

  constructor(options: WriterLoopOptions) {
    const { settings, disk, segment, next } = options;
    this.#options = options;
    this.#writer = new SegmentWriter({ folder: settings.folder, disk, segment, next });
  }

  /** A message from the event loop. */
  hear(message: ToWriter): void {
    if (message.type === 'close') {
      this.#isClosing = true;
      if (!this.#isFailed) this.#close();
      return;
    }
    const { memory, bytes, records, isAwaited } = message;
    // A segment is as old as its first record.
    if (this.#writer.records === 0) this.#begunAtMs = this.#options.clock.nowMs();
    this.#writer.take({ bytes: Buffer.from(memory, 0, bytes), records });
    this.#memory.push(memory);
    this.#taken += records;
    this.#bytes += bytes;
    if (isAwaited) this.#awaited++;
    if (!this.#isFailed) this.#try(() => this.#write(this.#awaited > 0));
  }

  #write(durably: boolean): void {
    this.#writer.write();
    this.#written = this.#taken;
    if (durably) this.#sync();
    else {
      this.#tell();
      this.#planSync();
    }
    this.#rollIfDue();
  }

  #sync(): void {
    this.#writer.sync();
    this.#durable = this.#written;
    this.#tell();
  }

  #tell(): void {
    const { say } = this.#options;
    const awaited = this.#durable === this.#taken ? this.#awaited : 0;
    const memory = this.#memory;
    const [written, durable, bytes] = [this.#written, this.#durable, this.#bytes];
    // One message for all of it: each wakes the event loop.
    say({ type: 'progress', written, durable, bytes, awaited, memory }, memory);
    this.#memory = [];
    this.#bytes = 0;
    this.#awaited -= awaited;
  }

  #planSync(): void {
    if (this.#syncIsPlanned) return;
    this.#syncIsPlanned = true;
    this.#options.clock.after(SYNC_EVERY_MS, () => {
      this.#syncIsPlanned = false;
      if (!this.#isFailed && !this.#isClosing)
        this.#try(() => {
          if (!this.#writer.isSynced) this.#sync();
          this.#rollIfDue();
          if (this.#writer.records > 0) this.#planSync();
        });
    });
  }

  /** By the monotonic clock: a clock that is set changes nothing. */
  #rollIfDue(): void {
    const { settings, clock } = this.#options;
    if (this.#writer.records === 0) return;
    const isDue =
      this.#writer.bytes >= settings.segmentBytes || clock.nowMs() - this.#begunAtMs >= settings.segmentMs;
    if (isDue) this.#roll();
  }

  #roll(): void {
    const closed = this.#writer.roll();
    this.#durable = this.#written;
    this.#tell();
    this.#options.onClosed(closed);
  }

  #try(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.#isFailed = true;
      this.#options.say({ type: 'stalled', reason: error instanceof Error ? error.message : String(error) });
      this.#planRetry();
    }
  }

  #planRetry(): void {
    this.#options.clock.after(RETRY_AFTER_MS, () => {
      try {
        const lost = this.#writer.recover();
        this.#isFailed = false;
        this.#options.say({ type: 'recovered', lost });
        this.#try(() => {
          this.#written = this.#taken;
          this.#sync();
        });
        if (this.#isClosing) this.#close();
      } catch {
        // Still: it has been told, and is told no second time.
        this.#planRetry();
      }
    });
  }

  #close(): void {
    this.#try(() => {
      this.#writer.write();
      this.#written = this.#taken;
      this.#sync();
    });
    if (!this.#isFailed) this.#options.say({ type: 'closed' });
  }
}
