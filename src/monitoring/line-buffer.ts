// A write of this many characters is large enough that its fixed cost no longer counts.
const FLUSH_AT_CHARACTERS = 65_536;
/** How long a line may wait for company, milliseconds. */
export const FLUSH_AFTER_MS = 100;

/**
 * Gathers log lines and hands them on together. (A log stream's own buffer will not do: SonicBoom
 * measures what it holds again at every line, which made a line cost 8 µs and not 1.)
 */
export class LineBuffer {
  readonly #write: (lines: string) => void;
  readonly #after: (ms: number, run: () => void) => void;
  #lines: string[] = [];
  #characters = 0;
  #flushIsDue = false;

  constructor(write: (lines: string) => void, after: (ms: number, run: () => void) => void) {
    this.#write = write;
    this.#after = after;
  }

  /** Takes a line, its line end included. */
  add(line: string): void {
    this.#lines.push(line);
    this.#characters += line.length;
    if (this.#characters >= FLUSH_AT_CHARACTERS) this.flush();
    else if (!this.#flushIsDue) {
      this.#flushIsDue = true;
      this.#after(FLUSH_AFTER_MS, () => {
        this.#flushIsDue = false;
        this.flush();
      });
    }
  }

  /** Hands on every line that is held. */
  flush(): void {
    if (this.#lines.length === 0) return;
    const lines = this.#lines.join('');
    this.#lines = [];
    this.#characters = 0;
    this.#write(lines);
  }
}
