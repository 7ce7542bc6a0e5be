import { hasUsableFlags, isAlarm, type PartResults, testVerdict } from '../stdf/stdf.js';

/** What the results of one test amount to. Of values that may not be used only the count is kept. */
export interface TestStatistics {
  readonly results: number;
  /** Results that the tester failed, and that it alarmed. */
  readonly failed: number;
  readonly alarms: number;
  /** Usable values; none of a functional test. */
  readonly values: number;
  /** Of the usable values; undefined without any, the deviation (of a sample) without two. */
  readonly min: number | undefined;
  readonly max: number | undefined;
  readonly mean: number | undefined;
  readonly deviation: number | undefined;
}

const INITIAL_TESTS = 64;

/** What a result's flags say, by their number: looked up, as a lot has hundreds of millions of them. */
const USABLE = 1;
const FAILED = 2;
const ALARM = 4;
const SAYINGS = Uint8Array.from({ length: 65_536 }, (_, flags) => {
  const testFlg = flags & 0xff;
  return (
    (hasUsableFlags(flags) ? USABLE : 0) |
    (testVerdict(testFlg) === 'fail' ? FAILED : 0) |
    (isAlarm(testFlg) ? ALARM : 0)
  );
});

/**
 * Gathers the statistics of all tests of a lot in one pass (Welford 1962: a sum of squares would cancel).
 * Memory grows with the tests only.
 */
export class StatisticsTable {
  #tests = 0;
  #results = new Float64Array(INITIAL_TESTS);
  #failed = new Float64Array(INITIAL_TESTS);
  #alarms = new Float64Array(INITIAL_TESTS);
  #values = new Float64Array(INITIAL_TESTS);
  #min = new Float64Array(INITIAL_TESTS);
  #max = new Float64Array(INITIAL_TESTS);
  #mean = new Float64Array(INITIAL_TESTS);
  #squares = new Float64Array(INITIAL_TESTS);

  /** Takes the results of one part. */
  add({ tests, values, flags }: PartResults): void {
    for (let i = 0; i < tests.length; i++) {
      const test = tests[i] ?? 0;
      if (test >= this.#tests) this.#hold(test + 1);
      const said = SAYINGS[flags[i] ?? 0] ?? 0;
      this.#count(this.#results, test);
      if (said === USABLE) this.#addValue(test, values[i] ?? Number.NaN);
      else this.#addOdd(test, said, values[i] ?? Number.NaN);
    }
  }

  /** Of the test with this index. */
  of(test: number): TestStatistics {
    const values = this.#values[test] ?? 0;
    const [some, two] = [values > 0, values > 1];
    return {
      results: this.#results[test] ?? 0,
      failed: this.#failed[test] ?? 0,
      alarms: this.#alarms[test] ?? 0,
      values,
      min: some ? this.#min[test] : undefined,
      max: some ? this.#max[test] : undefined,
      mean: some ? this.#mean[test] : undefined,
      deviation: two ? Math.sqrt((this.#squares[test] ?? 0) / (values - 1)) : undefined,
    };
  }

  #addOdd(test: number, said: number, value: number): void {
    if ((said & FAILED) !== 0) this.#count(this.#failed, test);
    if ((said & ALARM) !== 0) this.#count(this.#alarms, test);
    if ((said & USABLE) !== 0) this.#addValue(test, value);
  }

  #addValue(test: number, value: number): void {
    if (!Number.isFinite(value)) return;
    const count = this.#count(this.#values, test);
    const before = this.#mean[test] ?? 0;
    const distance = value - before;
    const mean = before + distance / count;
    this.#mean[test] = mean;
    this.#squares[test] = (this.#squares[test] ?? 0) + distance * (value - mean);
    if (count === 1 || value < (this.#min[test] ?? 0)) this.#min[test] = value;
    if (count === 1 || value > (this.#max[test] ?? 0)) this.#max[test] = value;
  }

  #count(counts: Float64Array, test: number): number {
    const count = (counts[test] ?? 0) + 1;
    counts[test] = count;
    return count;
  }

  #hold(tests: number): void {
    this.#tests = tests;
    if (tests <= this.#results.length) return;
    const room = Math.max(tests, 2 * this.#results.length);
    this.#results = grown(this.#results, room);
    this.#failed = grown(this.#failed, room);
    this.#alarms = grown(this.#alarms, room);
    this.#values = grown(this.#values, room);
    this.#min = grown(this.#min, room);
    this.#max = grown(this.#max, room);
    this.#mean = grown(this.#mean, room);
    this.#squares = grown(this.#squares, room);
  }
}

function grown(column: Float64Array<ArrayBuffer>, room: number): Float64Array<ArrayBuffer> {
  const more = new Float64Array(room);
  more.set(column);
  return more;
}
