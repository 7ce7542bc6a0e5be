import { type DieLabel, type MeasurementContract, type Measurements, readsMissing } from '../../die/die.js';
import { type InputFault, MAX_LISTED_FAULTS } from '../../errors.js';
import { copyPieces, lengthOf } from './pieces.js';
import { batchTooLarge, faultPath, invalidInput } from './refusals.js';
import type { RowAllocator } from './row-allocator.js';

const BYTES_PER_VALUE = Float32Array.BYTES_PER_ELEMENT;

/**
 * One die from `parameterCount` little-endian float32. NaN, whatever its payload, is a missing value.
 *
 * @param pieces of the body, one behind the other, cut anywhere
 * @param label from `labelFromHeaders`
 * @returns params [1 × parameterCount] from `rows.take`, which the caller now owns
 * @throws {Refusal} invalid_input: another size, an infinity, or NaN where nothing may be missing
 */
export function decodeDieBinary(
  pieces: readonly Buffer[],
  contract: MeasurementContract,
  label: DieLabel,
  rows: RowAllocator,
): Measurements {
  const expected = contract.parameterCount * BYTES_PER_VALUE;
  const found = lengthOf(pieces);
  if (found !== expected) {
    const message = `expected ${expected} bytes (${contract.parameterCount} little-endian float32), found ${found}`;
    throw invalidInput([{ path: '', message }]);
  }
  return { labels: [label], params: readRows(pieces, 1, contract, rows, false) };
}

/**
 * Dies from n × `parameterCount` little-endian float32, row after row, with 1 ≤ n ≤ `maxDies`.
 *
 * @param pieces as of {@link decodeDieBinary}
 * @param labelsOf the labels of n dies, as `labelsFromHeaders` gives them; called once the body's size is good
 * @returns params [n × parameterCount] from `rows.take`, which the caller now owns
 * @throws {Refusal} batch_too_large, invalid_input (paths begin with the die's index: `[3].test_params[17]`)
 */
export function decodeDiesBinary(
  pieces: readonly Buffer[],
  contract: MeasurementContract,
  maxDies: number,
  rows: RowAllocator,
  labelsOf: (dies: number) => readonly DieLabel[],
): Measurements {
  const bytesPerDie = contract.parameterCount * BYTES_PER_VALUE;
  const found = lengthOf(pieces);
  const dies = found / bytesPerDie;
  if (dies === 0 || !Number.isInteger(dies)) {
    const message = `expected one or more dies of ${bytesPerDie} bytes (${contract.parameterCount} little-endian float32), found ${found} bytes`;
    throw invalidInput([{ path: '', message }]);
  }
  if (dies > maxDies) throw batchTooLarge(dies, maxDies);
  return { labels: labelsOf(dies), params: readRows(pieces, dies, contract, rows, true) };
}

/**
 * The values of all pieces as rows. Every platform that ONNX Runtime's Node binding is built for is
 * little-endian, so the bytes are already in order.
 */
function readRows(
  pieces: readonly Buffer[],
  dies: number,
  contract: MeasurementContract,
  rows: RowAllocator,
  isBatch: boolean,
): Float32Array {
  const params = rows.take(dies);
  copyPieces(pieces, new Uint8Array(params.buffer, params.byteOffset, params.byteLength));
  if (!hasNonFinite(params)) return params;
  const { faults, total } = faultsOf(params, contract, isBatch);
  if (total === 0) return params;
  rows.give(params);
  throw invalidInput(faults, total);
}

/** The values that no die may have, the first of them by their places. */
function faultsOf(params: Float32Array, contract: MeasurementContract, isBatch: boolean) {
  const faults: InputFault[] = [];
  let total = 0;
  for (let i = 0; i < params.length; i++) {
    const value = params[i];
    if (Number.isFinite(value) || (Number.isNaN(value) && readsMissing(contract))) continue;
    total++;
    if (faults.length < MAX_LISTED_FAULTS) faults.push(binaryFault(i, value, contract, isBatch));
  }
  return { faults, total };
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
