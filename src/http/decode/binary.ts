import type { DieLabel, MeasurementContract, Measurements } from '../../die/die.js';
import { type InputFault, MAX_LISTED_FAULTS } from '../../errors.js';
import { batchTooLarge, faultPath, invalidInput } from './refusals.js';

const BYTES_PER_VALUE = Float32Array.BYTES_PER_ELEMENT;

/**
 * One die from `parameterCount` little-endian float32. NaN, whatever its payload, is a missing value.
 *
 * The params may be a view of the body's own memory (whenever it lies on a 4-byte boundary: no copy is
 * made then). They live and die with the request and must never be given to a pool of rows: what lies
 * around them is a socket's read buffer, or Node's shared pool.
 *
 * @param label from `labelFromHeaders`
 * @throws {Refusal} invalid_input: another size, an infinity, or NaN where nothing may be missing
 */
export function decodeDieBinary(body: Buffer, contract: MeasurementContract, label: DieLabel): Measurements {
  const expected = contract.parameterCount * BYTES_PER_VALUE;
  if (body.length !== expected) {
    const message = `expected ${expected} bytes (${contract.parameterCount} little-endian float32), found ${body.length}`;
    throw invalidInput([{ path: '', message }]);
  }
  const params = float32View(body);
  assertValid(params, contract, false);
  return { labels: [label], params };
}

/**
 * Dies from n × `parameterCount` little-endian float32, row after row, with 1 ≤ n ≤ `maxDies`.
 * Ownership of the params as for {@link decodeDieBinary}.
 *
 * @param labelsOf the labels of n dies, as `labelsFromHeaders` gives them; called once the body's size is good
 * @throws {Refusal} batch_too_large, invalid_input (paths begin with the die's index: `[3].test_params[17]`)
 */
export function decodeDiesBinary(
  body: Buffer,
  contract: MeasurementContract,
  maxDies: number,
  labelsOf: (dies: number) => readonly DieLabel[],
): Measurements {
  const bytesPerDie = contract.parameterCount * BYTES_PER_VALUE;
  const dies = body.length / bytesPerDie;
  if (dies === 0 || !Number.isInteger(dies)) {
    const message = `expected one or more dies of ${bytesPerDie} bytes (${contract.parameterCount} little-endian float32), found ${body.length} bytes`;
    throw invalidInput([{ path: '', message }]);
  }
  if (dies > maxDies) throw batchTooLarge(dies, maxDies);
  const labels = labelsOf(dies);
  const params = float32View(body);
  assertValid(params, contract, true);
  return { labels, params };
}

/**
 * The body as float32, in place where its memory is aligned. Every platform that ONNX Runtime's Node
 * binding is built for is little-endian, so the bytes are already in order.
 */
function float32View(body: Buffer): Float32Array {
  const values = body.length / BYTES_PER_VALUE;
  if (body.byteOffset % BYTES_PER_VALUE === 0) return new Float32Array(body.buffer, body.byteOffset, values);
  const copy = new Float32Array(values);
  new Uint8Array(copy.buffer).set(body);
  return copy;
}

function assertValid(params: Float32Array, contract: MeasurementContract, isBatch: boolean): void {
  if (!hasNonFinite(params)) return;
  const faults: InputFault[] = [];
  let totalFaults = 0;
  for (let i = 0; i < params.length; i++) {
    const value = params[i];
    if (Number.isFinite(value) || (Number.isNaN(value) && contract.acceptsMissing)) continue;
    totalFaults++;
    if (faults.length < MAX_LISTED_FAULTS) faults.push(binaryFault(i, value, contract, isBatch));
  }
  if (totalFaults > 0) throw invalidInput(faults, totalFaults);
}

/**
 * Whether any value is an infinity or NaN: those times 0 are NaN, all others are 0. Four sums, so that
 * an addition need not wait for the one before it: twice as fast as one sum.
 */
function hasNonFinite(params: Float32Array): boolean {
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  const fours = params.length & ~3;
  for (let i = 0; i < fours; i += 4) {
    a += params[i] * 0;
    b += params[i + 1] * 0;
    c += params[i + 2] * 0;
    d += params[i + 3] * 0;
  }
  for (let i = fours; i < params.length; i++) a += params[i] * 0;
  return Number.isNaN(a + b + c + d);
}

function binaryFault(
  index: number,
  value: number,
  { parameterCount, acceptsMissing }: MeasurementContract,
  isBatch: boolean,
): InputFault {
  const inDie = ['test_params', index % parameterCount];
  return {
    path: faultPath(isBatch ? [Math.floor(index / parameterCount), ...inDie] : inDie),
    message: `expected a finite number${acceptsMissing ? ', or NaN where no value was measured' : ''}, found ${value}`,
  };
}
