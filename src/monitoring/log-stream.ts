import { constants, fstatSync, openSync, write as writeAsync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { isatty } from 'node:tty';

const DRAIN_POLL_MS = 5;
// A reader that takes nothing is asked again after the first of these, then each time after twice as long, up to the last.
const RETRY_MS = { first: 1, longest: 100 };

interface LogStreamOptions {
  /** Where the log goes, such as 1 for stdout. */
  readonly fd: number;
  /** Bytes that may wait for a slow reader; lines beyond are dropped. */
  readonly maxBacklogBytes: number;
}

/**
 * A log to a file descriptor in which no write waits for a reader. To a pipe or a terminal through an open file
 * description of our own, as the given one is shared with whoever started this process and may be changed there. A
 * socket cannot be opened anew: of stdout Node's own stream, which main.ts has asked for, makes it one that does not
 * wait, and it stays so while no child process is given it.
 */
export function openLog(fd: number, maxBacklogBytes: number): LogStream {
  return new LogStream({ fd: openWithoutWaiting(fd) ?? fd, maxBacklogBytes });
}

function openWithoutWaiting(fd: number): number | undefined {
  if (!fstatSync(fd).isFIFO() && !isatty(fd)) return undefined;
  const { O_WRONLY, O_NONBLOCK, O_NOCTTY } = constants;
  try {
    return openSync(`/proc/self/fd/${fd}`, O_WRONLY | O_NONBLOCK | O_NOCTTY);
  } catch {
    // No such folder, a pipe of another user, or one that nobody reads by now.
    return undefined;
  }
}

/**
 * A log that can never stop or grow the server: written beside the event loop; what a stalled reader does not
 * take is kept up to a bound and then dropped; what a full disk refuses is dropped. (SonicBoom, pino's own
 * stream, tries a full disk again for ever when it flushes at the exit, and nothing can interrupt it.)
 */
export class LogStream {
  readonly #options: LogStreamOptions;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  /** What is being written, and from where on. */
  #current: Buffer | undefined;
  #offset = 0;
  #isBusy = false;
  #retryMs = RETRY_MS.first;

  constructor(options: LogStreamOptions) {
    this.#options = options;
  }

  /** Takes text that ends with a line end. */
  write(text: string): void {
    const bytes = Buffer.from(text);
    if (this.#waitingBytes + bytes.length > this.#options.maxBacklogBytes) return;
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    this.#continue();
  }

  /** Resolves when everything taken so far has been written, at the latest after `ms`. */
  async drained(ms: number): Promise<void> {
    const patienceEndsMs = Date.now() + ms;
    while (this.#isBusy && Date.now() < patienceEndsMs) await sleep(DRAIN_POLL_MS);
  }

  /**
   * Writes what is left before the process ends: as much as is taken at once, and no longer than `ms`. What is
   * being written beside the event loop is left to that.
   */
  finish(ms: number): void {
    const patienceEndsMs = Date.now() + ms;
    if (this.#isBusy) this.#current = undefined;
    for (let chunk = this.#next(); chunk !== undefined; chunk = this.#next()) {
      try {
        this.#advance(writeSync(this.#options.fd, chunk, this.#offset));
      } catch (error) {
        if (!isBusy(error) || Date.now() > patienceEndsMs) return;
      }
    }
  }

  #continue(): void {
    if (this.#isBusy) return;
    const chunk = this.#next();
    if (chunk === undefined) return;
    this.#isBusy = true;
    writeAsync(this.#options.fd, chunk, this.#offset, (error, written) => {
      if (isBusy(error)) {
        setTimeout(() => this.#release(), this.#retryMs).unref();
        this.#retryMs = Math.min(2 * this.#retryMs, RETRY_MS.longest);
        return;
      }
      this.#retryMs = RETRY_MS.first;
      this.#advance(error === null ? written : Number.POSITIVE_INFINITY);
      this.#release();
    });
  }

  #release(): void {
    this.#isBusy = false;
    this.#continue();
  }

  /** The chunk under way, else all that waits as one. */
  #next(): Buffer | undefined {
    if (this.#current === undefined && this.#waiting.length > 0) {
      this.#current = this.#waiting.length === 1 ? this.#waiting[0] : Buffer.concat(this.#waiting);
      this.#waiting = [];
      this.#waitingBytes = 0;
      this.#offset = 0;
    }
    return this.#current;
  }

  #advance(bytes: number): void {
    this.#offset += bytes;
    if (this.#current !== undefined && this.#offset >= this.#current.length) this.#current = undefined;
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'EAGAIN' || error.code === 'EBUSY');
}
