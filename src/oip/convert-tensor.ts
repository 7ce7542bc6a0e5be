import { type InputFault, MAX_LISTED_FAULTS } from '../errors.js';
import { invalidInput } from '../rows/decode/refusals.js';
import { DATATYPES, type DatatypeName, isLossless } from './datatypes.js';

/** Which input of a request is converted, and how. */
interface Conversion {
  /** Its place in the request. */
  readonly index: number;
  /** Whether values that float32 does not hold are rounded, and not refused. */
  readonly rounds: boolean;
}

/**
 * The values of a binary tensor as float32, where it holds each of them as it is; NaN stays NaN.
 * @param bytes of whole values
 * @returns little-endian, as every platform of ONNX Runtime's binding is
 * @throws Refusal `invalid_input` naming the first values that float32 does not hold, and what to do
 */
export function asFloat32Bytes(
  bytes: Buffer,
  datatype: DatatypeName,
  { index, rounds }: Conversion = { index: 0, rounds: false },
): Buffer {
  if (datatype === 'FP32') return bytes;
  const { bytes: size, read } = DATATYPES[datatype];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const values = new Float32Array(bytes.length / size);
  const lossy = new LossyValues(datatype, index);
  for (let i = 0; i < values.length; i++) {
    const value = read(view, i * size);
    values[i] = Number(value);
    // NaN and infinities are the decoder's to judge.
    const isNumber = typeof value === 'bigint' || Number.isFinite(value);
    if (isNumber && !rounds && !isLossless(value, datatype)) lossy.add(i, value);
  }
  lossy.assertNone();
  return Buffer.from(values.buffer);
}

/**
 * Checks the numbers of a JSON tensor of another datatype than FP32, flat or nested; what is no number is left to
 * whoever reads them.
 * @throws Refusal `invalid_input` as {@link asFloat32Bytes}
 */
export function assertLossless(data: unknown, datatype: DatatypeName, index = 0): void {
  if (datatype === 'FP32' || !Array.isArray(data)) return;
  const lossy = new LossyValues(datatype, index);
  data.flat(Number.POSITIVE_INFINITY).forEach((value: unknown, i) => {
    if (typeof value === 'number' && !(isLossless(value, datatype) && isKnown(value))) lossy.add(i, value);
  });
  lossy.assertNone();
}

/** Whether JSON.parse may not have rounded a whole number already. */
function isKnown(value: number): boolean {
  return !Number.isInteger(value) || Number.isSafeInteger(value) || Math.abs(value) > 2 ** 64;
}

/** Gathers the values of a tensor that float32 does not hold. */
class LossyValues {
  readonly #datatype: DatatypeName;
  readonly #index: number;
  readonly #faults: InputFault[] = [];
  #total = 0;

  constructor(datatype: DatatypeName, index: number) {
    this.#datatype = datatype;
    this.#index = index;
  }

  add(index: number, value: number | bigint): void {
    this.#total++;
    if (this.#faults.length === MAX_LISTED_FAULTS) return;
    const expected = `expected ${this.#datatype} that FP32, which the model reads, holds exactly`;
    const cure = 'round it yourself and send FP32 (numpy: .astype(numpy.float32))';
    this.#faults.push({
      path: `inputs[${this.#index}].data[${index}]`,
      message: `${expected}, found ${value}; ${cure}`,
    });
  }

  assertNone(): void {
    if (this.#total > 0) throw invalidInput(this.#faults, this.#total);
  }
}
