// The longest that String() makes of a finite number: -1.2345678901234567e-308, and a line end.
const LONGEST_NUMBER = 26;
const FIRST_SIZE = 256 * 1024;
const LINE_END = 0x0a;
const DIGIT_0 = 0x30;

/**
 * The text of a scrape as it grows, in UTF-8. Bytes and not strings: the lines of fifty versions are 0.7 MB of text that is
 * the same at every scrape but for the numbers; copying it as bytes costs a quarter of what joining strings does, and
 * what is sent or packed is bytes.
 */
export class ExpositionBytes {
  #bytes = Buffer.allocUnsafe(FIRST_SIZE);
  #length = 0;

  /** Begins anew in the same memory. */
  clear(): void {
    this.#length = 0;
  }

  /** A line: what it begins with, and its value. */
  sample(start: Uint8Array, value: number): void {
    this.sampleOpen(start, value);
    this.#bytes[this.#length++] = LINE_END;
  }

  /** As {@link sample}, with the line still open: the caller ends it by {@link text}. */
  sampleOpen(start: Uint8Array, value: number): void {
    this.#makeRoom(start.length + LONGEST_NUMBER);
    this.#bytes.set(start, this.#length);
    this.#length += start.length;
    if (value >= 0 && value <= 0x7fffffff && Number.isInteger(value)) this.#digits(value);
    else this.#length += this.#bytes.write(valueText(value), this.#length, 'latin1');
  }

  /** Whole lines, with their line ends. */
  lines(lines: Uint8Array): void {
    this.#makeRoom(lines.length);
    this.#bytes.set(lines, this.#length);
    this.#length += lines.length;
  }

  text(text: string): void {
    this.lines(Buffer.from(text));
  }

  /** What has been written: a view, good until {@link clear}. */
  written(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  /** The decimal digits of a whole number from 0 to 2³¹ - 1: all counts, but for those of years. */
  #digits(value: number): void {
    let digits = 1;
    for (let power = 10; value >= power; power *= 10) digits++;
    this.#length += digits;
    let rest = value;
    for (let at = this.#length - 1; digits > 0; digits--, at--) {
      const tenth = (rest / 10) | 0;
      this.#bytes[at] = DIGIT_0 + rest - tenth * 10;
      rest = tenth;
    }
  }

  #makeRoom(bytes: number): void {
    if (this.#length + bytes <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(2 * this.#bytes.length, this.#length + bytes));
    grown.set(this.written());
    this.#bytes = grown;
  }
}

/** A sum of scores may be anything that a number can be; prom-client writes "Nan", which both formats take. */
export function valueText(value: number): string {
  if (Number.isFinite(value)) return String(value);
  if (Number.isNaN(value)) return 'Nan';
  return value > 0 ? '+Inf' : '-Inf';
}
