import type { BatchDependence } from '../../models/batch-policy.js';
import type { FetchedOutput } from '../../models/manifest/fetched-outputs.js';
import type { RunRows } from './run-rows.js';
import type { RunResult } from './session.js';

// On both sides of where ONNX Runtime changes how it computes: one row, blocks of 4, 8, 16 and 32, and 50 rows, from
// which on trees are spread over threads.
const TRIED_SIZES = [2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 32, 33, 50, 51, 63, 64, 65, 127, 128, 129, 255, 256];

/** Places that rows are moved by in runs of one size. */
const SHIFTS = [0, 1, 2, 5];

/** Batch sizes from 2 on that are tried, ascending; always `maxBatchSize` among them, where it is above 1. */
export function triedSizes(maxBatchSize: number): number[] {
  const sizes = TRIED_SIZES.filter((size) => size < maxBatchSize);
  for (let size = 512; size < maxBatchSize; size *= 2) sizes.push(size);
  return maxBatchSize < 2 ? [] : [...sizes, maxBatchSize];
}

/** What is tried, and how it is run. */
export interface Trials {
  readonly run: RunRows;
  /** float32 [probes, parameters] row-major. */
  readonly probes: Float32Array;
  readonly parameterCount: number;
  readonly outputs: readonly FetchedOutput[];
  /** Undefined where the version has none. */
  readonly contributionsName: string | undefined;
}

/** The outputs of one row: what is fetched, and the contributions, one behind the other. */
type RowOutputs = Float32Array;

/** Runs of one size, whose rows are compared with those of a run that holds nothing but one row. */
export class BatchTrial {
  readonly #trials: Trials;
  readonly #probes: number;
  readonly #alone: RowOutputs[] = [];
  readonly #largest: Float32Array;

  private constructor(trials: Trials) {
    this.#trials = trials;
    this.#probes = trials.probes.length / trials.parameterCount;
    this.#largest = new Float32Array(this.#columns.length);
  }

  /**
   * Runs each probe row by itself, as often as `rows` wants it in one run.
   * @throws Error where a row is given other outputs when it is run again
   */
  static async ofRowsAlone(trials: Trials, rows: number): Promise<BatchTrial> {
    const trial = new BatchTrial(trials);
    for (let probe = 0; probe < trial.#probes; probe++) trial.#alone.push(await trial.#aloneIn(rows, probe));
    const [first] = trial.#alone;
    const again = await trial.#aloneIn(rows, 0);
    const at = first?.findIndex((value, i) => !Object.is(value, again[i])) ?? -1;
    if (at >= 0)
      throw new Error(
        `output "${trial.#columnName(at)}" of the same row is ${first?.[at]} in one run and ${again[at]} in the next: the graph draws random numbers, which no served version may`,
      );
    trial.#noteLargest();
    return trial;
  }

  /** float32 [probes, outputs]: what each probe row scored alone. */
  get scores(): Float32Array {
    const width = this.#trials.outputs.reduce((sum, { size }) => sum + size, 0);
    const scores = new Float32Array(this.#alone.length * width);
    this.#alone.forEach((row, i) => {
      scores.set(row.subarray(0, width), i * width);
    });
    return scores;
  }

  /**
   * Runs `rows` probe rows together, each moved by `shift`, and holds them against what they gave alone.
   * @returns the largest difference, if any is not the same to the last bit
   */
  async differenceIn(rows: number, shift: number): Promise<Difference | undefined> {
    const together = await this.#runTogether(rows, (row) => (row + shift) % this.#probes);
    return largestDifference(
      together.map((outputs, row) => this.#difference(outputs, this.#alone[(row + shift) % this.#probes])),
    );
  }

  /** The largest difference in runs of one size, the rows at other places in each. */
  async differenceInRunsOf(rows: number): Promise<Difference | undefined> {
    const found: (Difference | undefined)[] = [];
    for (const shift of SHIFTS) found.push(await this.differenceIn(rows, shift));
    return largestDifference(found);
  }

  /** Whether a row's outputs change with the values of the rows beside it, at the same place in as large a batch. */
  async rowsMix(rows: number): Promise<boolean> {
    for (let probe = 0; probe < this.#probes; probe++) {
      const [besideItself] = await this.#runTogether(rows, () => probe);
      const [besideOthers] = await this.#runTogether(rows, (row) => (probe + row) % this.#probes);
      if (besideItself?.some((value, i) => !Object.is(value, besideOthers?.[i]))) return true;
    }
    return false;
  }

  async #aloneIn(rows: number, probe: number): Promise<RowOutputs> {
    const [outputs = new Float32Array()] = await this.#runTogether(rows, () => probe);
    return outputs;
  }

  async #runTogether(rows: number, probeOf: (row: number) => number): Promise<RowOutputs[]> {
    const { run, probes, parameterCount: width, contributionsName } = this.#trials;
    const params = new Float32Array(rows * width);
    for (let row = 0; row < rows; row++) {
      const probe = probeOf(row);
      params.set(probes.subarray(probe * width, (probe + 1) * width), row * width);
    }
    const result = await run(rows, params, contributionsName !== undefined);
    return Array.from({ length: rows }, (_, row) => outputsOf(result, row, rows));
  }

  /** The columns of `RowOutputs` by the name of their output. */
  get #columns(): readonly string[] {
    const { outputs, contributionsName, parameterCount } = this.#trials;
    const all = contributionsName === undefined ? [] : [{ name: contributionsName, size: parameterCount }];
    return [...outputs, ...all].map(({ name }) => name);
  }

  #columnName(at: number): string {
    return this.#columns[this.#columnOf(at)] ?? '';
  }

  #columnOf(at: number): number {
    let end = 0;
    const column = this.#trials.outputs.findIndex(({ size }) => {
      end += size;
      return at < end;
    });
    return column < 0 ? this.#trials.outputs.length : column;
  }

  #noteLargest(): void {
    for (const row of this.#alone) {
      row.forEach((value, i) => {
        const column = this.#columnOf(i);
        if (Number.isFinite(value))
          this.#largest[column] = Math.max(this.#largest[column] ?? 0, Math.abs(value));
      });
    }
  }

  #difference(found: RowOutputs, alone: RowOutputs = new Float32Array()): Difference | undefined {
    let worst: Difference | undefined;
    for (let i = 0; i < found.length; i++) {
      const [a = Number.NaN, b = Number.NaN] = [found[i], alone[i]];
      if (Object.is(a, b)) continue;
      const share = Math.abs(a - b) / (this.#largest[this.#columnOf(i)] || 1);
      // Not finite on one side only: as large as a difference can be.
      const difference = Number.isFinite(share) ? share : Number.MAX_VALUE;
      if (worst === undefined || difference > worst.difference)
        worst = { output: this.#columnName(i), difference };
    }
    return worst;
  }
}

/** How far a row's outputs are from what they are alone. */
export type Difference = Pick<Extract<BatchDependence, { output: string }>, 'output' | 'difference'>;

/** The largest of the differences found, if there is any. */
export function largestDifference(found: readonly (Difference | undefined)[]): Difference | undefined {
  let worst: Difference | undefined;
  for (const each of found)
    if (each !== undefined && (worst === undefined || each.difference > worst.difference)) worst = each;
  return worst;
}

function outputsOf({ scores, contributions }: RunResult, row: number, rows: number): RowOutputs {
  const own = rowOf(scores, row, rows);
  if (contributions === undefined) return own.slice();
  const others = rowOf(contributions, row, rows);
  const outputs = new Float32Array(own.length + others.length);
  outputs.set(own);
  outputs.set(others, own.length);
  return outputs;
}

function rowOf(values: Float32Array, row: number, rows: number): Float32Array {
  const width = values.length / rows;
  return values.subarray(row * width, (row + 1) * width);
}
