import { BINS } from './reference-bins.js';
import { WAFER_BUCKETS } from './wafer-buckets.js';

/** Cells of a parameter: its bins and one for a value that is missing. */
export const CELLS = BINS + 1;
/** Bins of the confidence, each a tenth wide from 0 to 1. */
export const CONFIDENCE_BINS = 10;

// What stands at the head of the counts as floats, before the bins of score and confidence.
const HEAD = 5;
const OUTPUT_FLOATS = HEAD + BINS + CONFIDENCE_BINS + 2 * WAFER_BUCKETS;

const COUNTED = ['waferDies', 'waferFails', 'cells', 'stops'] as const;

/** What was counted of some dies: of one worker, one equipment, one step, or merged from several. */
export class DriftCounts {
  readonly parameters: number;
  /** Dies that were counted: a sample of `dies`. */
  sampled = 0;
  /** Dies that were run. */
  dies = 0;
  fails = 0;
  /** Dies whose outputs the version could not decide by, such as a score that is not finite; in no bin. */
  unscorable = 0;
  confidenceSum = 0;
  /** Dies in each bin of the score, and of the confidence. */
  readonly score = new Float64Array(BINS);
  readonly confidence = new Float64Array(CONFIDENCE_BINS);
  /** Decided dies, and failing ones, by the bucket of their wafer. */
  readonly waferDies = new Uint32Array(WAFER_BUCKETS);
  readonly waferFails = new Uint32Array(WAFER_BUCKETS);
  /** [parameters, cells]: dies in each bin, and last those where the value is missing, but not that of a later parameter. */
  readonly cells: Uint32Array;
  /** [parameters]: dies without a value of this parameter or any after it, but of the one before it. */
  readonly stops: Uint32Array;
  /** [parameters]: sums of z and z², where z is a value in standard deviations from the reference's mean. */
  readonly sums: Float64Array;
  readonly squares: Float64Array;

  constructor(parameters: number) {
    this.parameters = parameters;
    this.cells = new Uint32Array(parameters * CELLS);
    this.stops = new Uint32Array(parameters);
    this.sums = new Float64Array(parameters);
    this.squares = new Float64Array(parameters);
  }

  /** The same whole numbers once more, and no sums: copied, which takes a third of adding them. */
  copyOfWhole(): DriftCounts {
    const copy = new DriftCounts(this.parameters);
    const { sampled, dies, fails, unscorable } = this;
    Object.assign(copy, { sampled, dies, fails, unscorable });
    copy.score.set(this.score);
    copy.confidence.set(this.confidence);
    for (const part of COUNTED) copy[part].set(this[part]);
    return copy;
  }

  /** Adds what was counted elsewhere of other dies. */
  add(other: DriftCounts): void {
    this.addWhole(other, 1);
    this.addSums(other);
  }

  /**
   * Adds the whole numbers of other dies, or takes them off again, which leaves nothing behind.
   * @param sign -1 to take off what was added before
   */
  addWhole(other: DriftCounts, sign: 1 | -1): void {
    this.sampled += sign * other.sampled;
    this.dies += sign * other.dies;
    this.fails += sign * other.fails;
    this.unscorable += sign * other.unscorable;
    addFloats(this.score, other.score, sign);
    addFloats(this.confidence, other.confidence, sign);
    for (const part of COUNTED) addCounts(this[part], other[part], sign);
  }

  /** Adds what is no whole number: the sums of values and of confidences. */
  addSums(other: DriftCounts): void {
    this.confidenceSum += other.confidenceSum;
    addFloats(this.sums, other.sums, 1);
    addFloats(this.squares, other.squares, 1);
  }

  /**
   * The counts as they cross from a worker: float32, exact up to 16.7 million dies a message; the sums
   * are of deviations, so their rounding is one part in 10⁷ of a standard deviation.
   */
  toFloats(): Float32Array {
    const floats = new Float32Array(floatsOfCounts(this.parameters));
    floats.set([this.sampled, this.dies, this.fails, this.unscorable, this.confidenceSum]);
    let at = HEAD;
    for (const part of this.#parts()) {
      floats.set(part, at);
      at += part.length;
    }
    return floats;
  }

  /**
   * Counts from their floats.
   * @throws RangeError when there are not exactly as many as `parameters` need
   */
  static fromFloats(parameters: number, floats: Float32Array): DriftCounts {
    if (floats.length !== floatsOfCounts(parameters))
      throw new RangeError(`${floats.length} floats of drift counts, expected ${floatsOfCounts(parameters)}`);
    const counts = new DriftCounts(parameters);
    const [sampled = 0, dies = 0, fails = 0, unscorable = 0, confidenceSum = 0] = floats;
    Object.assign(counts, { sampled, dies, fails, unscorable, confidenceSum });
    let at = HEAD;
    for (const part of counts.#parts()) {
      part.set(floats.subarray(at, at + part.length));
      at += part.length;
    }
    return counts;
  }

  #parts(): (Float64Array | Uint32Array)[] {
    return [
      this.score,
      this.confidence,
      this.waferDies,
      this.waferFails,
      this.cells,
      this.stops,
      this.sums,
      this.squares,
    ];
  }
}

/** Floats that the counts of so many parameters take. */
export function floatsOfCounts(parameters: number): number {
  return OUTPUT_FLOATS + parameters * (CELLS + 3);
}

// Of a step without dies there are none to add. Two functions, as one for both kinds of array takes ten times as long.
function addFloats(sums: Float64Array, values: Float64Array, sign: 1 | -1): void {
  const length = Math.min(sums.length, values.length);
  for (let i = 0; i < length; i++) sums[i] = (sums[i] ?? 0) + sign * (values[i] ?? 0);
}

function addCounts(sums: Uint32Array, values: Uint32Array, sign: 1 | -1): void {
  const length = Math.min(sums.length, values.length);
  for (let i = 0; i < length; i++) sums[i] = (sums[i] ?? 0) + sign * (values[i] ?? 0);
}
