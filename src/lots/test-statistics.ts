import type { TestResult } from '../stdf/stdf.js';

/** What the results of one test amount to. Of values that may not be used only the count is kept. */
export interface TestStatistics {
  /** Result records. */
  readonly results: number;
  /** Records that the tester failed, and that it alarmed. */
  readonly failed: number;
  readonly alarms: number;
  /** Usable values: one of a PTR, several of an MPR, none of an FTR. */
  readonly values: number;
  /** Of the usable values; undefined without any, the deviation (of a sample) without two. */
  readonly min: number | undefined;
  readonly max: number | undefined;
  readonly mean: number | undefined;
  readonly deviation: number | undefined;
}

/** Gathers statistics in one pass (Welford 1962: a sum of squares would cancel). */
export class StatisticsBuilder {
  #results = 0;
  #failed = 0;
  #alarms = 0;
  #values = 0;
  #min = Number.POSITIVE_INFINITY;
  #max = Number.NEGATIVE_INFINITY;
  #mean = 0;
  #squares = 0;

  add({ verdict, alarm, usable, values }: TestResult): void {
    this.#results++;
    if (verdict === 'fail') this.#failed++;
    if (alarm) this.#alarms++;
    if (usable) for (const value of values) this.#addValue(value);
  }

  finish(): TestStatistics {
    const [some, two] = [this.#values > 0, this.#values > 1];
    return {
      results: this.#results,
      failed: this.#failed,
      alarms: this.#alarms,
      values: this.#values,
      min: some ? this.#min : undefined,
      max: some ? this.#max : undefined,
      mean: some ? this.#mean : undefined,
      deviation: two ? Math.sqrt(this.#squares / (this.#values - 1)) : undefined,
    };
  }

  #addValue(value: number): void {
    this.#values++;
    const distance = value - this.#mean;
    this.#mean += distance / this.#values;
    this.#squares += distance * (value - this.#mean);
    if (value < this.#min) this.#min = value;
    if (value > this.#max) this.#max = value;
  }
}
