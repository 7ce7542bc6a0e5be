import {
  type DieLabel,
  type DieLabelField,
  DieLabelSchema,
  MAX_ID_LENGTH,
  otherLabelsSchema,
  saidLabels,
} from '../../die/die.js';
import type { InputFault } from '../../errors.js';
import { invalidInput } from './refusals.js';

/** Request headers as Node gives them: names in lower case, repeated ones joined or listed. */
export type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

/** The header of each field of a label, where a binary body has no room for it. */
const HEADER_OF = {
  die_id: 'x-die-id',
  lot_id: 'x-lot-id',
  wafer_id: 'x-wafer-id',
  x: 'x-x',
  y: 'x-y',
  equipment_id: 'x-equipment-id',
  stdf_file: 'x-stdf-file',
  insertion: 'x-insertion',
  touchdown: 'x-touchdown',
} as const satisfies Record<DieLabelField, string>;

/** The header of a label that only some models read: `x-label-product`. */
function headerOfLabel(name: string): string {
  return `x-label-${name.replaceAll('_', '-')}`;
}

const DIE_IDS_HEADER = 'x-die-ids';

/** What all dies of one call share; each die's position on the wafer is its own, so no x and y. */
const ContextSchema = DieLabelSchema.omit({ die_id: true, x: true, y: true });

/**
 * The label of a single die sent as binary: `x-die-id` and, if given, `x-lot-id`, `x-wafer-id`, `x-x`,
 * `x-y`, `x-equipment-id`, `x-stdf-file`, `x-insertion` and `x-touchdown`. Header values are ASCII; anything else, and '%' and ','
 * themselves, is percent-encoded UTF-8, so an id is the same id alone, in a batch and in JSON.
 * @param otherLabels that the model reads beside these, from `x-label-product` and the like
 * @throws {Refusal} invalid_input, each fault's path the header's name
 */
export function labelFromHeaders(headers: Headers, otherLabels: readonly string[] = []): DieLabel {
  const plain = otherLabels.length === 0 ? plainLabel(headers) : undefined;
  if (plain !== undefined) return plain;
  const faults: InputFault[] = [];
  const fields = {
    die_id: decodedText(headers, HEADER_OF.die_id, faults),
    ...contextOf(headers, faults),
    x: wholeOf(headers, HEADER_OF.x, faults),
    y: wholeOf(headers, HEADER_OF.y, faults),
  };
  const parsed = DieLabelSchema.safeParse(fields);
  const others = othersOf(headers, otherLabels, faults);
  if (faults.length === 0 && parsed.success)
    return others === undefined ? parsed.data : { ...parsed.data, others };
  if (!parsed.success) faults.push(...headerFaults(parsed.error.issues, faults));
  throw invalidInput(faults);
}

/**
 * The labels of a batch sent as binary: ids from `x-die-ids`, separated by commas, one for each die; without
 * that header `requestId` and the die's index make them, `<requestId>-0` and so on. `x-lot-id`,
 * `x-wafer-id`, `x-equipment-id`, `x-stdf-file`, `x-insertion` and `x-touchdown` hold for all dies, and so do `x-label-product` and the like. Encoded as
 * for a single die.
 * @throws {Refusal} invalid_input, each fault's path the header's name, of an id `x-die-ids[3]`
 */
export function labelsFromHeaders(
  headers: Headers,
  dies: number,
  requestId: string,
  otherLabels: readonly string[] = [],
): DieLabel[] {
  const faults: InputFault[] = [];
  const context = contextOf(headers, faults);
  const parsed = ContextSchema.safeParse(context);
  if (!parsed.success) faults.push(...headerFaults(parsed.error.issues, faults));
  const others = othersOf(headers, otherLabels, faults);
  const listed = headerText(headers, DIE_IDS_HEADER);
  const ids = listed === undefined ? generateIds(dies, requestId) : readIds(listed, dies, faults);
  if (faults.length > 0) throw invalidInput(faults);
  const { lot_id, wafer_id, equipment_id, stdf_file, insertion, touchdown } = parsed.data ?? {};
  // Key by key, in the order of every other label: one hidden class for all.
  return ids.map((die_id) => {
    const label = {
      die_id,
      lot_id,
      wafer_id,
      x: undefined,
      y: undefined,
      equipment_id,
      stdf_file,
      insertion,
      touchdown,
    };
    return others === undefined ? label : { ...label, others };
  });
}

/** The labels that only the model reads; undefined where none is said. */
function othersOf(headers: Headers, names: readonly string[], faults: InputFault[]): DieLabel['others'] {
  if (names.length === 0) return undefined;
  const texts = names.map((name) => [name, decodedText(headers, headerOfLabel(name), faults)]);
  const parsed = otherLabelsSchema(names).safeParse(Object.fromEntries(texts));
  if (parsed.success) return saidLabels(parsed.data);
  faults.push(
    ...parsed.error.issues.map(({ path, message }) => ({ path: headerOfLabel(String(path[0])), message })),
  );
  return undefined;
}

function generateIds(dies: number, requestId: string): string[] {
  return Array.from({ length: dies }, (_, index) => {
    const suffix = `-${index}`;
    return requestId.slice(0, MAX_ID_LENGTH - suffix.length) + suffix;
  });
}

// An id that stands for itself: nothing to decode, and nothing that the schema could refuse.
const PLAIN_ID = /^[\x21-\x24\x26-\x7e]{1,128}$/;

function readIds(listed: string, dies: number, faults: InputFault[]): string[] {
  const encoded = listed.split(',');
  if (encoded.length !== dies) {
    const message = `expected ${dies} ids, one for each die of the body, found ${encoded.length}`;
    faults.push({ path: DIE_IDS_HEADER, message });
    return [];
  }
  return encoded.map((value, index) => {
    if (PLAIN_ID.test(value)) return value;
    const path = `${DIE_IDS_HEADER}[${index}]`;
    const id = decode(value.trim(), path, faults) ?? '';
    const parsed = DieLabelSchema.shape.die_id.safeParse(id);
    if (!parsed.success && !faults.some((fault) => fault.path === path)) {
      faults.push({ path, message: parsed.error.issues[0].message });
    }
    return id;
  });
}

// Whole numbers that the schema cannot refuse.
const PLAIN_COORDINATE = /^-?\d{1,4}$/;
const PLAIN_COUNT = /^\d{1,9}$/;

/**
 * The label of a die whose headers stand for themselves, as a tester's do; undefined where there is something to decode or to
 * refuse. The schema takes longer for a label than it takes to read 512 values.
 */
function plainLabel(headers: Headers): DieLabel | undefined {
  let isPlain = true;
  const text = (header: string, plain = PLAIN_ID) => {
    const value = headers[header];
    if (value === undefined) return undefined;
    if (typeof value === 'string' && plain.test(value)) return value;
    isPlain = false;
    return undefined;
  };
  const whole = (header: string, plain: RegExp) => {
    const value = text(header, plain);
    return value === undefined ? undefined : Number(value);
  };
  const die_id = text(HEADER_OF.die_id);
  if (die_id === undefined) return undefined;
  const label = {
    die_id,
    lot_id: text(HEADER_OF.lot_id),
    wafer_id: text(HEADER_OF.wafer_id),
    x: whole(HEADER_OF.x, PLAIN_COORDINATE),
    y: whole(HEADER_OF.y, PLAIN_COORDINATE),
    equipment_id: text(HEADER_OF.equipment_id),
    stdf_file: text(HEADER_OF.stdf_file),
    insertion: text(HEADER_OF.insertion),
    touchdown: whole(HEADER_OF.touchdown, PLAIN_COUNT),
  } satisfies Record<DieLabelField, unknown>;
  return isPlain ? label : undefined;
}

function contextOf(headers: Headers, faults: InputFault[]) {
  return {
    lot_id: decodedText(headers, HEADER_OF.lot_id, faults),
    wafer_id: decodedText(headers, HEADER_OF.wafer_id, faults),
    equipment_id: decodedText(headers, HEADER_OF.equipment_id, faults),
    stdf_file: decodedText(headers, HEADER_OF.stdf_file, faults),
    insertion: decodedText(headers, HEADER_OF.insertion, faults),
    touchdown: wholeOf(headers, HEADER_OF.touchdown, faults),
  };
}

function wholeOf(headers: Headers, header: string, faults: InputFault[]): unknown {
  const text = decodedText(headers, header, faults);
  // What is no whole number stays text, for the schema to refuse.
  return text !== undefined && /^-?\d{1,9}$/.test(text) ? Number(text) : text;
}

function decodedText(headers: Headers, header: string, faults: InputFault[]): string | undefined {
  const value = headerText(headers, header);
  return value === undefined ? undefined : decode(value, header, faults);
}

function headerText(headers: Headers, header: string): string | undefined {
  const value = headers[header];
  return typeof value === 'string' || value === undefined ? value : value.join(',');
}

/** Node reads header bytes as Latin-1, which turns raw UTF-8 into another id: so only ASCII is read. */
function decode(value: string, path: string, faults: InputFault[]): string | undefined {
  try {
    if (/^[\x20-\x7e]*$/.test(value)) return decodeURIComponent(value);
  } catch {
    // Not percent-encoded UTF-8.
  }
  faults.push({ path, message: 'expected ASCII text, anything else percent-encoded as UTF-8' });
  return undefined;
}

/** The schema's faults in terms of headers, but for headers that have a fault already. */
function headerFaults(
  issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[],
  known: readonly InputFault[],
): InputFault[] {
  const names: Readonly<Record<string, string | undefined>> = HEADER_OF;
  return issues
    .map(({ path, message }) => ({ path: names[String(path[0])] ?? '', message }))
    .filter(({ path }) => !known.some((fault) => fault.path === path));
}
