import { type FlagVerdict, isAlarm, isUsable, testVerdict } from './flags.js';
import type { Display, TestLimits } from './limits-and-display.js';
import type { TestDefinition } from './test-defaults.js';

/** What one test said of one part, as one object: for the few places that do not read the columns. */
export interface TestResult {
  readonly test: TestDefinition;
  /** As in the file: may be NaN, and is for a functional test. */
  readonly value: number;
  /** Whether the value may be used: no bad flag, and finite. */
  readonly usable: boolean;
  readonly verdict: FlagVerdict;
  /** TEST_FLG bit 0: the value is the instrument's clamp. */
  readonly alarm: boolean;
  /** The limits that held for this result, and how its record says that it is shown. */
  readonly limits: TestLimits;
  readonly display: Display;
}

/** What a record says of itself otherwise than its test. */
export interface OwnFacts {
  readonly limits: TestLimits;
  readonly display: Display;
}

/** TEST_FLG and PARM_FLG of a result as one number, as {@link PartResults.flags} has them. */
export function flagsOf(testFlg: number, parmFlg: number): number {
  return testFlg | (parmFlg << 8);
}

/**
 * The results of one part in columns, in the order of the program: a lot has hundreds of millions of
 * results, and an object for each took most of the time of reading one. A PTR is one result, an MPR one
 * for each of its positions, an FTR one without a value.
 */
export class PartResults implements Iterable<TestResult> {
  /** [results] index of the test among the lot's tests. */
  readonly tests: Uint32Array;
  /** [results] as in the file, in the test's units: may be NaN, and is for a functional test. */
  readonly values: Float32Array;
  /** [results] TEST_FLG in the low byte (of an MPR that failed only on the positions that did), PARM_FLG (0 of a functional test) in the high one. */
  readonly flags: Uint16Array;
  readonly #definitions: readonly TestDefinition[];
  readonly #own: ReadonlyMap<number, OwnFacts> | undefined;

  /** @param own by position: of results whose record had limits or units other than their test's */
  constructor(
    definitions: readonly TestDefinition[],
    columns: {
      readonly tests: Uint32Array;
      readonly values: Float32Array;
      readonly flags: Uint16Array;
    },
    own?: ReadonlyMap<number, OwnFacts>,
  ) {
    this.#definitions = definitions;
    this.tests = columns.tests;
    this.values = columns.values;
    this.flags = columns.flags;
    this.#own = own;
  }

  get length(): number {
    return this.tests.length;
  }

  /** The same results in other memory. */
  in(columns: Pick<PartResults, 'tests' | 'values' | 'flags'>): PartResults {
    return new PartResults(this.#definitions, columns, this.#own);
  }

  /** The test of the result at `i`. */
  test(i: number): TestDefinition {
    const test = this.#definitions[this.tests[i] ?? -1];
    if (test === undefined) throw new RangeError(`no result ${i} of ${this.length}`);
    return test;
  }

  /** Whether the value at `i` may be used: no bad flag, and finite. */
  isUsable(i: number): boolean {
    return hasUsableFlags(this.flags[i] ?? 0) && Number.isFinite(this.values[i]);
  }

  verdict(i: number): FlagVerdict {
    return testVerdict((this.flags[i] ?? 0) & 0xff);
  }

  /** The limits that held for the result at `i`. */
  limits(i: number): TestLimits {
    return (this.#own?.get(i) ?? this.test(i)).limits;
  }

  /** Units, scales and formats of the result at `i`. */
  display(i: number): Display {
    return (this.#own?.get(i) ?? this.test(i)).display;
  }

  /** Whether any record had limits or a display other than its test's. */
  get hasOwn(): boolean {
    return this.#own !== undefined;
  }

  /** Whether the record of the result at `i` had limits or a display other than its test's. */
  hasOwnFacts(i: number): boolean {
    return this.#own?.has(i) ?? false;
  }

  *[Symbol.iterator](): Generator<TestResult, void, void> {
    for (let i = 0; i < this.length; i++) {
      yield {
        test: this.test(i),
        value: this.values[i] ?? Number.NaN,
        usable: this.isUsable(i),
        verdict: this.verdict(i),
        alarm: isAlarm((this.flags[i] ?? 0) & 0xff),
        limits: this.limits(i),
        display: this.display(i),
      };
    }
  }
}

/** Whether these flags let a value into a statistic or a model; it must be finite, too. */
export function hasUsableFlags(flags: number): boolean {
  return isUsable(flags & 0xff, flags >> 8);
}

/** Results of parts that have none; shared. */
export const NO_RESULTS = new PartResults([], {
  tests: new Uint32Array(0),
  values: new Float32Array(0),
  flags: new Uint16Array(0),
});

const INITIAL_RESULTS = 64;

/** Gathers the results of one part after the other, in memory that is kept. */
export class ResultsBuilder {
  #length = 0;
  #tests = new Uint32Array(INITIAL_RESULTS);
  #values = new Float32Array(INITIAL_RESULTS);
  #flags = new Uint16Array(INITIAL_RESULTS);
  #own: Map<number, OwnFacts> | undefined;

  /** @param own undefined where the record says nothing otherwise than its test */
  add(test: number, value: number, flags: number, own: OwnFacts | undefined): void {
    const at = this.#length++;
    if (at === this.#tests.length) this.#grow();
    this.#tests[at] = test;
    this.#values[at] = value;
    this.#flags[at] = flags;
    if (own !== undefined) {
      this.#own ??= new Map();
      this.#own.set(at, own);
    }
  }

  /** What has been added, in memory of its own; the builder is empty afterwards. */
  finish(definitions: readonly TestDefinition[]): PartResults {
    const lent = this.lend(definitions);
    const length = lent.tests.length;
    if (length === 0) return NO_RESULTS;
    // One piece of memory for the three: most of what a piece costs is that it is one.
    const memory = new ArrayBuffer(10 * length);
    const columns = {
      tests: new Uint32Array(memory, 0, length),
      values: new Float32Array(memory, 4 * length, length),
      flags: new Uint16Array(memory, 8 * length, length),
    };
    columns.tests.set(lent.tests);
    columns.values.set(lent.values);
    columns.flags.set(lent.flags);
    return lent.in(columns);
  }

  /** What has been added, in the memory of the builder: valid until something is added to it again. */
  lend(definitions: readonly TestDefinition[]): PartResults {
    const length = this.#length;
    const own = this.#own;
    this.#length = 0;
    this.#own = undefined;
    if (length === 0) return NO_RESULTS;
    const columns = {
      tests: this.#tests.subarray(0, length),
      values: this.#values.subarray(0, length),
      flags: this.#flags.subarray(0, length),
    };
    return new PartResults(definitions, columns, own);
  }

  #grow(): void {
    const room = 2 * this.#tests.length;
    const [tests, values, flags] = [this.#tests, this.#values, this.#flags];
    this.#tests = new Uint32Array(room);
    this.#values = new Float32Array(room);
    this.#flags = new Uint16Array(room);
    this.#tests.set(tests);
    this.#values.set(values);
    this.#flags.set(flags);
  }
}
