import { isUtf8 } from 'node:buffer';
import { z } from 'zod';
import {
  type Die,
  type DieLabel,
  dieSchema,
  type MeasurementContract,
  type Measurements,
  type NamedModel,
  otherLabelsSchema,
  saidLabels,
} from '../../die/die.js';
import { type InputFault, MAX_LISTED_FAULTS, Refusal } from '../../errors.js';
import { describeInput } from '../../schema-faults.js';
import { textStart } from './bytes.js';
import { extentOf, type JsonExtent } from './json-extent.js';
import { findJsonFault } from './json-fault.js';
import { arrange } from './keyed-params.js';
import { differentlyNamed, namedBy, namedInValue } from './named-model.js';
import { batchTooLarge, faultPath, invalidInput } from './refusals.js';
import type { RowAllocator } from './row-allocator.js';

/**
 * The plain path of one die: JSON.parse, then the die's schema, which alone says what is valid and
 * words every refusal. Rows are taken only for a die that is valid.
 * @throws {Refusal} invalid_json, invalid_input
 */
export function decodeDiePlainly(
  body: Buffer,
  contract: MeasurementContract,
  rows: RowAllocator,
): Measurements {
  assertBuildable(extentOf(body, MAX_DEPTH), 1, contract);
  return measurements([validDie(parseMeasured(body), contract)], contract, rows);
}

/**
 * The plain path of an array of dies. Too many are refused before they are parsed.
 * @throws {Refusal} invalid_json, invalid_input, batch_too_large
 */
export function decodeDiesPlainly(
  body: Buffer,
  contract: MeasurementContract,
  maxDies: number,
  rows: RowAllocator,
): Measurements {
  const extent = extentOf(body, MAX_DEPTH);
  if (extent.elements > maxDies) throw batchTooLarge(extent.elements, maxDies);
  assertBuildable(extent, extent.elements, contract);
  return measurements(validDies(parseMeasured(body), contract), contract, rows);
}

// Of a JSON body that is not dies: as many values as the largest batch of dies has.
const MOST_VALUES = 2_000_000;

/**
 * A whole body as JSON, measured before it is built: what takes JSON.parse long is refused.
 * @throws {Refusal} invalid_json, naming the byte and what was expected there; invalid_input for more
 * values than any request needs
 */
export function parseJson(body: Buffer): unknown {
  const { values, tooDeepAt } = extentOf(body, MAX_DEPTH);
  if (tooDeepAt !== undefined) throw tooDeep(tooDeepAt);
  if (values > MOST_VALUES) {
    const message = `expected at most ${MOST_VALUES} JSON values, found ${values}`;
    throw invalidInput([{ path: '', message }]);
  }
  return parseMeasured(body);
}

/** A die is nested twice, a batch thrice; whatever else a caller adds to a die has room. */
export const MAX_DEPTH = 64;

/** Values of a die that are not parameters: its labels, and what else a caller adds. */
const MAX_OTHER_VALUES = 1_000;

/** And of the whole body: little enough to read, so that the schema can say what is wrong with it. */
const MAX_SURPLUS = 10_000;

/**
 * Refuses what JSON.parse would take long to build, in no relation to the dies that it may hold.
 * @throws {Refusal} invalid_json, invalid_input
 */
function assertBuildable(
  { values, tooDeepAt }: JsonExtent,
  dies: number,
  { parameterCount }: MeasurementContract,
): void {
  if (tooDeepAt !== undefined) {
    throw tooDeep(tooDeepAt);
  }
  const most = Math.max(1, dies) * (2 * parameterCount + MAX_OTHER_VALUES) + MAX_SURPLUS;
  if (values <= most) return;
  const whose = dies > 1 ? `${dies} dies` : 'a die';
  const message = `expected at most ${most} JSON values for ${whose}, found ${values}`;
  throw invalidInput([{ path: '', message }]);
}

function tooDeep(at: number): Refusal {
  return new Refusal('invalid_json', `nested deeper than ${MAX_DEPTH} levels at byte ${at}`);
}

function parseMeasured(body: Buffer): unknown {
  if (body.length === 0) throw new Refusal('invalid_json', 'the body is empty, expected JSON');
  if (!isUtf8(body)) throw new Refusal('invalid_json', 'the body is not UTF-8');
  try {
    return JSON.parse(body.toString('utf8', textStart(body)));
  } catch (cause) {
    throw new Refusal('invalid_json', describeJsonFault(body), { cause });
  }
}

function describeJsonFault(body: Buffer): string {
  const fault = findJsonFault(body);
  if (fault === undefined) return 'the body is JSON too deep or too long to read';
  if (fault.at >= body.length) {
    return `the body ends after ${body.length} bytes, expected ${fault.expected}`;
  }
  const byte = body[fault.at];
  const found =
    byte > 0x20 && byte < 0x7f
      ? `'${String.fromCharCode(byte)}'`
      : `byte 0x${byte.toString(16).padStart(2, '0')}`;
  return `found ${found} at byte ${fault.at}, expected ${fault.expected}`;
}

/**
 * Who is to answer the dies of a body, as they say themselves, whether or not they are valid; undefined where they do
 * not say it plainly.
 */
export function namedInBody(body: Buffer): NamedModel | undefined {
  if (!body.includes('"model_')) return undefined;
  try {
    return namedInValue(parseJson(body));
  } catch (error) {
    if (error instanceof Refusal) return undefined;
    throw error;
  }
}

function validDie(value: unknown, contract: MeasurementContract): ReadDie {
  const read = readDie(value, contract);
  if ('die' in read) return read;
  throw invalidInput(read.faults([]), read.total);
}

/** A die as it was sent, and the labels that only its model reads. */
interface ReadDie {
  readonly die: Die;
  readonly others: DieLabel['others'];
}

/** A die by its schema, its values in the order of the contract; or its faults. */
function readDie(
  value: unknown,
  contract: MeasurementContract,
): ReadDie | { readonly faults: (prefix: readonly number[]) => InputFault[]; readonly total: number } {
  const arranged = arrange(value, contract);
  const parsed = schemaOf(contract).safeParse(arranged.die);
  const others = parsed.success ? readOthers(value, contract) : undefined;
  const faults = [
    ...arranged.faults,
    ...(parsed.error?.issues ?? []).map(({ path, message }) => ({ path: arranged.pathOf(path), message })),
    ...(others?.error?.issues ?? []),
  ];
  if (parsed.success && faults.length === 0)
    return { die: parsed.data, others: others?.data && saidLabels(others.data) };
  return {
    faults: (prefix) =>
      faults
        .slice(0, MAX_LISTED_FAULTS)
        .map(({ path, message }) => ({ path: faultPath([...prefix, ...path]), message })),
    total: faults.length,
  };
}

/** The labels of a die that only its model reads; undefined where that reads none. */
function readOthers(value: unknown, { otherLabels }: MeasurementContract) {
  return otherLabels && otherLabelsSchema(otherLabels).safeParse(value);
}

const BatchSchema = z
  .array(z.unknown(), { error: ({ input }) => `expected an array of dies, found ${describeInput(input)}` })
  .min(1, { error: 'expected at least 1 die, found 0' });

// A batch of millions of wrong values must not cost the schema for each of them: some milliseconds' worth.
const MAX_COUNTED_FAULTS = 5_000;

/** All dies, or the refusal of the whole call; its faults are counted up to {@link MAX_COUNTED_FAULTS}. */
function validDies(value: unknown, contract: MeasurementContract): ReadDie[] {
  const batch = BatchSchema.safeParse(value);
  if (!batch.success) throw invalidInput(listFaults(batch.error.issues, []));
  const dies: ReadDie[] = [];
  const faults: InputFault[] = [];
  let totalFaults = 0;
  for (const [index, candidate] of batch.data.entries()) {
    const read = readDie(candidate, contract);
    if ('die' in read) {
      dies.push(read);
      continue;
    }
    totalFaults += read.total;
    if (faults.length < MAX_LISTED_FAULTS) faults.push(...read.faults([index]));
    if (totalFaults >= MAX_COUNTED_FAULTS) break;
  }
  if (totalFaults > 0) throw invalidInput(faults, totalFaults);
  const different = differentlyNamed(dies.map(({ die }) => die));
  if (different !== undefined) throw invalidInput([different]);
  return dies;
}

/** The first faults of a schema's issues, their paths after `prefix`. */
export function listFaults(
  issues: readonly z.core.$ZodIssue[],
  prefix: readonly PropertyKey[],
): InputFault[] {
  return issues
    .slice(0, MAX_LISTED_FAULTS)
    .map(({ path, message }) => ({ path: faultPath([...prefix, ...path]), message }));
}

function measurements(
  dies: readonly ReadDie[],
  { parameterCount, categories }: MeasurementContract,
  rows: RowAllocator,
): Measurements {
  const params = rows.take(dies.length);
  let at = 0;
  for (const {
    die: { test_params },
  } of dies) {
    for (let i = 0; i < parameterCount; i++) {
      const value = test_params[i];
      params[at++] = typeof value === 'string' ? positionOf(value, i, categories) : (value ?? Number.NaN);
    }
  }
  const [first] = dies;
  return { labels: dies.map(labelOf), params, named: first && namedBy(first.die) };
}

/** The position of a category that the schema has found to be one, or to have a place among the unknown. */
function positionOf(value: string, index: number, categories: MeasurementContract['categories']): number {
  const category = categories?.find((one) => one.index === index);
  return category?.positions.get(value) ?? category?.unknown ?? Number.NaN;
}

/** The same shape as the scanner's labels, so that readers see one hidden class. */
function labelOf({ die, others }: ReadDie): DieLabel {
  const { die_id, lot_id, wafer_id, x, y, equipment_id, stdf_file, insertion, touchdown } = die;
  const label = { die_id, lot_id, wafer_id, x, y, equipment_id, stdf_file, insertion, touchdown };
  return others === undefined ? label : { ...label, others };
}

type DieSchema = ReturnType<typeof dieSchema>;

// zod compiles a schema on first use, which takes milliseconds; contracts are few.
const schemas = new Map<string, DieSchema>();

function schemaOf(contract: MeasurementContract): DieSchema {
  const key = `${contract.parameterCount} ${contract.acceptsMissing} ${contract.kinds}`;
  let schema = schemas.get(key);
  if (schema === undefined) {
    schema = dieSchema(contract);
    schemas.set(key, schema);
  }
  return schema;
}
