import {
  type DieLabel,
  type MeasurementContract,
  type Measurements,
  type NamedModel,
  readsMissing,
} from '../../die/die.js';
import { CLOSE_BRACE, CLOSE_BRACKET, COMMA, isSpace, OPEN_BRACE, OPEN_BRACKET, textStart } from './bytes.js';
import { isSameNamed } from './named-model.js';
import { decodeDiePlainly, decodeDiesPlainly } from './plain.js';
import type { RowAllocator } from './row-allocator.js';
import { DieScanner } from './scan-die.js';
import { DECLINED } from './scan-values.js';

/**
 * One die from a JSON object.
 *
 * Scanned straight into float32 if it is plainly valid; everything else takes the plain path
 * (JSON.parse and the die's schema). Both give the same verdict and the same bits.
 *
 * @returns one label, and params [1 × parameterCount] from `rows.take`, which the caller now owns
 * @throws {Refusal} invalid_json (400), invalid_input (422); never anything else, whatever the bytes
 */
export function decodeDie(body: Buffer, contract: MeasurementContract, rows: RowAllocator): Measurements {
  return scanSingle(body, contract, rows) ?? decodeDiePlainly(body, contract, rows);
}

/**
 * Dies from a JSON array of 1 to `maxDies` dies, in the order sent; one wrong die refuses all.
 *
 * @returns labels, and params [dies × parameterCount] from `rows.take`, which the caller now owns
 * @throws {Refusal} invalid_json (400), batch_too_large (413), invalid_input (422, fault paths begin with
 *   the die's index: `[3].test_params[17]`); never anything else, whatever the bytes
 */
export function decodeDies(
  body: Buffer,
  contract: MeasurementContract,
  maxDies: number,
  rows: RowAllocator,
): Measurements {
  return scanBatch(body, contract, maxDies, rows) ?? decodeDiesPlainly(body, contract, maxDies, rows);
}

/** The fast path of one die: undefined, with the buffer given back, if it is not plainly valid. */
export function scanSingle(
  body: Buffer,
  contract: MeasurementContract,
  rows: RowAllocator,
): Measurements | undefined {
  const bytes = trimmed(body, CLOSE_BRACE);
  if (bytes === undefined || !isScanned(contract) || !hasRoomFor(1, bytes, contract)) return undefined;
  const params = rows.take(1);
  const scanner = scannerOf(bytes, contract, params);
  const end = scanner.scanDie(scanner.skipSpace(textStart(bytes)), 0);
  if (end === bytes.length) return { labels: [scanner.label], params, named: scanner.named };
  rows.give(params);
  return undefined;
}

/** The fast path of a batch: undefined, with the buffer given back, if it is not plainly valid. */
export function scanBatch(
  body: Buffer,
  contract: MeasurementContract,
  maxDies: number,
  rows: RowAllocator,
): Measurements | undefined {
  const bytes = trimmed(body, CLOSE_BRACKET);
  if (bytes === undefined || !isScanned(contract)) return undefined;
  // As many dies as braces, unless a string holds one: the scan then finds fewer and declines.
  const dies = countBraces(bytes, maxDies);
  if (dies === 0 || dies > maxDies || !hasRoomFor(dies, bytes, contract)) return undefined;
  const params = rows.take(dies);
  const scanner = scannerOf(bytes, contract, params);
  const labels = scanDies(scanner, bytes, dies, contract.parameterCount);
  // All of them name the same one.
  if (labels !== undefined) return { labels, params, named: scanner.named };
  rows.give(params);
  return undefined;
}

function scanDies(
  scanner: DieScanner,
  bytes: Buffer,
  dies: number,
  parameterCount: number,
): DieLabel[] | undefined {
  const labels: DieLabel[] = [];
  let first: NamedModel | undefined;
  let at = scanner.skipSpace(textStart(bytes));
  if (bytes[at] !== OPEN_BRACKET) return undefined;
  for (let die = 0; die < dies; die++) {
    at = scanner.scanDie(scanner.skipSpace(at + 1), die * parameterCount);
    if (at === DECLINED) return undefined;
    labels.push(scanner.label);
    if (die === 0) first = scanner.named;
    else if (!isSameNamed(scanner.named, first)) return undefined;
    at = scanner.skipSpace(at);
    if (bytes[at] !== (die === dies - 1 ? CLOSE_BRACKET : COMMA)) return undefined;
  }
  return at + 1 === bytes.length ? labels : undefined;
}

/** Labels that only one model reads are keys that the scanner does not know. */
function isScanned({ otherLabels }: MeasurementContract): boolean {
  return otherLabels === undefined;
}

function scannerOf(bytes: Buffer, contract: MeasurementContract, rows: Float32Array): DieScanner {
  const { parameterCount: count, categories } = contract;
  const acceptsMissing = categories === undefined ? contract.acceptsMissing : readsMissing(contract);
  return new DieScanner(bytes, { rows, count, acceptsMissing });
}

/** The body without white space at its end, if it then ends in `last`, as the scanners rely on. */
function trimmed(body: Buffer, last: number): Buffer | undefined {
  let end = body.length;
  while (end > 0 && isSpace(body[end - 1])) end--;
  if (end === 0 || body[end - 1] !== last) return undefined;
  return end === body.length ? body : body.subarray(0, end);
}

/** A value takes two bytes at least: no body makes us take more than twice its own memory. */
function hasRoomFor(dies: number, bytes: Buffer, { parameterCount }: MeasurementContract): boolean {
  return dies * parameterCount * 2 <= bytes.length;
}

/** How many '{' there are, but not beyond one more than `most`. */
function countBraces(bytes: Buffer, most: number): number {
  let count = 0;
  let at = bytes.indexOf(OPEN_BRACE);
  while (at !== -1 && count <= most) {
    count++;
    at = bytes.indexOf(OPEN_BRACE, at + 1);
  }
  return count;
}
