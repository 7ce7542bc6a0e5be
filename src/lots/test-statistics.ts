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

/** Where the figures of a test stand, {@link FIGURES} for each, beside each other as they are used. */
const [USED, MEAN, SQUARES, MIN, MAX, UNUSED, FAILS, ALARMS] = [0, 1, 2, 3, 4, 5, 6, 7];
const FIGURES = 8;

/**
 * Gathers the statistics of all tests of a lot in one pass (Welford 1962: a sum of squares would cancel).
 * Memory grows with the tests only.
 */
export class StatisticsTable {
  #tests = 0;
  #figures = new Float64Array(0);

  /** Takes the results of one part. */
  add({ tests, values, flags }: PartResults): void {
    for (let i = 0; i < tests.length; i++) {
      const test = tests[i] ?? 0;
      if (test >= this.#tests) this.#hold(test + 1);
      const figures = this.#figures;
      const at = test * FIGURES;
      const value = values[i] ?? Number.NaN;
      const said = SAYINGS[flags[i] ?? 0] ?? 0;
      if (said !== USABLE) this.#addOdd(at, said);
      // The difference of an infinite value to itself is none, and so is that of NaN.
      if ((said & USABLE) === 0 || value - value !== 0) {
        figures[at + UNUSED] = (figures[at + UNUSED] ?? 0) + 1;
        continue;
      }
      const count = (figures[at + USED] ?? 0) + 1;
      figures[at + USED] = count;
      const before = figures[at + MEAN] ?? 0;
      const distance = value - before;
      const mean = before + distance / count;
      figures[at + MEAN] = mean;
      figures[at + SQUARES] = (figures[at + SQUARES] ?? 0) + distance * (value - mean);
      if (value < (figures[at + MIN] ?? 0)) figures[at + MIN] = value;
      if (value > (figures[at + MAX] ?? 0)) figures[at + MAX] = value;
    }
  }

  /** Of the test with this index. */
  of(test: number): TestStatistics {
    const figure = (which: number) => (test < this.#tests ? (this.#figures[test * FIGURES + which] ?? 0) : 0);
    const values = figure(USED);
    const [some, two] = [values > 0, values > 1];
    return {
      results: values + figure(UNUSED),
      failed: figure(FAILS),
      alarms: figure(ALARMS),
      values,
      min: some ? figure(MIN) : undefined,
      max: some ? figure(MAX) : undefined,
      mean: some ? figure(MEAN) : undefined,
      deviation: two ? Math.sqrt(figure(SQUARES) / (values - 1)) : undefined,
    };
  }

  #addOdd(at: number, said: number): void {
    const figures = this.#figures;
    if ((said & FAILED) !== 0) figures[at + FAILS] = (figures[at + FAILS] ?? 0) + 1;
    if ((said & ALARM) !== 0) figures[at + ALARMS] = (figures[at + ALARMS] ?? 0) + 1;
  }

  #hold(tests: number): void {
    if (tests * FIGURES > this.#figures.length) {
      const figures = new Float64Array(FIGURES * Math.max(INITIAL_TESTS, 2 * tests));
      figures.set(this.#figures);
      this.#figures = figures;
    }
    for (let test = this.#tests; test < tests; test++) {
      this.#figures[test * FIGURES + MIN] = Number.POSITIVE_INFINITY;
      this.#figures[test * FIGURES + MAX] = Number.NEGATIVE_INFINITY;
    }
    this.#tests = tests;
  }
}

/** What several groups of results amount to together (Chan, Golub and LeVeque 1979). */
export function combined(groups: readonly TestStatistics[]): TestStatistics {
  const [first = NO_STATISTICS, ...others] = groups;
  return others.reduce(together, first);
}

const NO_STATISTICS: TestStatistics = {
  ...{ results: 0, failed: 0, alarms: 0, values: 0 },
  ...{ min: undefined, max: undefined, mean: undefined, deviation: undefined },
};

function together(a: TestStatistics, b: TestStatistics): TestStatistics {
  const counts = { results: a.results + b.results, failed: a.failed + b.failed, alarms: a.alarms + b.alarms };
  if (a.values === 0 || b.values === 0) return { ...(a.values === 0 ? b : a), ...counts };
  const values = a.values + b.values;
  const distance = (b.mean ?? 0) - (a.mean ?? 0);
  const squares = squaresOf(a) + squaresOf(b) + (distance * distance * a.values * b.values) / values;
  return {
    ...counts,
    values,
    min: Math.min(a.min ?? Number.NaN, b.min ?? Number.NaN),
    max: Math.max(a.max ?? Number.NaN, b.max ?? Number.NaN),
    mean: (a.mean ?? 0) + (distance * b.values) / values,
    deviation: Math.sqrt(squares / (values - 1)),
  };
}

function squaresOf({ values, deviation = 0 }: TestStatistics): number {
  return deviation * deviation * (values - 1);
}
