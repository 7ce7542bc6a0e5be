import { camel, type ScalarCode, SIZES } from './field-types.js';
import type { FieldRow, OptFlagMask, RecordTable } from './record-table.js';
import { RECORDS, type RecordName, V4_2007 } from './records.js';

/** One field of a record table, ready to be read and written. */
export interface FieldLayout {
  /** The standard's name, `HARD_BIN`. */
  readonly name: string;
  /** The property of the record, `hardBin`. */
  readonly key: string;
  readonly code: ScalarCode;
  /** For an array: the property that holds the number of its elements. */
  readonly countKey: string | undefined;
  /** Bytes that must be left in the record before the field can be read; 0 for an array. */
  readonly minSize: number;
  readonly missing: number | OptFlagMask | undefined;
}

/** A record table, ready to be read and written. */
export interface RecordLayout {
  readonly name: RecordName;
  readonly typ: number;
  readonly sub: number;
  readonly fields: readonly FieldLayout[];
  /** `Ptr.TEST_NUM` and so on, one for each field, for messages. */
  readonly names: readonly string[];
  /** The first `requiredCount` fields must be there. */
  readonly requiredCount: number;
  /** Lengths (REC_LEN) that a sound record of this type can have, in bytes. */
  readonly minLength: number;
  readonly maxLength: number;
}

/** What is known of a (REC_TYP, REC_SUB) pair: `layout` is missing for the records of V4-2007. */
export interface KnownType {
  /** Position in {@link KNOWN_TYPES}. */
  readonly index: number;
  readonly name: string;
  readonly typ: number;
  readonly sub: number;
  readonly minLength: number;
  readonly maxLength: number;
  readonly layout: RecordLayout | undefined;
}

const MAX_LENGTH = 65535;
/** Some testers write records a little longer than their fields (stdf-v4.md section 9, pystdf 27). */
const EXTRA_BYTES = 64;
const SUBS = 128;

const layouts = new Map<RecordName, RecordLayout>();
const known: KnownType[] = [];
const knownTypes: (KnownType | undefined)[] = new Array<undefined>(64 * SUBS).fill(undefined);
/** By REC_TYP × 256 + REC_SUB the lengths that a sound record can have; none for unknown types. */
const minLengths = new Int32Array(65_536).fill(MAX_LENGTH + 1);
const maxLengths = new Int32Array(65_536).fill(-1);

for (const name of recordNames()) {
  const layout = buildLayout(name, RECORDS[name]);
  layouts.set(name, layout);
  addKnown(layout.typ, layout.sub, { ...layout, index: known.length, layout });
}
for (const [name, { typ, sub }] of Object.entries(V4_2007)) {
  // None of them is ever empty; demanding a byte keeps runs of zeros from looking like records.
  addKnown(typ, sub, {
    index: known.length,
    name,
    typ,
    sub,
    minLength: 1,
    maxLength: MAX_LENGTH,
    layout: undefined,
  });
}

/** The record types of V4, then those of V4-2007. */
export const KNOWN_TYPES: readonly KnownType[] = known;

function addKnown(typ: number, sub: number, type: KnownType): void {
  known.push(type);
  minLengths[typ * 256 + sub] = type.minLength;
  maxLengths[typ * 256 + sub] = type.maxLength;
  knownTypes[typ * SUBS + sub] = type;
}

/** Every record name, in the order of the table. */
export function recordNames(): readonly RecordName[] {
  // Object.keys is typed string[]; RECORDS is a constant of this program with exactly these keys.
  return Object.keys(RECORDS) as RecordName[];
}

export function layoutOf(name: RecordName): RecordLayout {
  const layout = layouts.get(name);
  if (layout === undefined) throw new TypeError(`no STDF record is called ${name}`);
  return layout;
}

/** What a record header names, or undefined where neither V4 nor V4-2007 knows it. */
export function knownType(typ: number, sub: number): KnownType | undefined {
  return typ < 64 && sub < SUBS ? knownTypes[typ * SUBS + sub] : undefined;
}

// Its header does not tell a FAR: file-start.ts.
minLengths[layoutOf('Far').typ * 256 + layoutOf('Far').sub] = MAX_LENGTH + 1;

/** Whether a record of this type is known and can have this length; never of a FAR, which other bytes tell. */
export function canBe(typ: number, sub: number, length: number): boolean {
  const type = typ * 256 + sub;
  return length >= (minLengths[type] ?? 0) && length <= (maxLengths[type] ?? -1);
}

function buildLayout(name: RecordName, table: RecordTable): RecordLayout {
  const required = table.required.map(buildField);
  const fields = [...required, ...table.optional.map(buildField)];
  const largest = fields.reduce((sum, { code, countKey }) => {
    return sum + (countKey === undefined ? SIZES[code].max : MAX_LENGTH);
  }, 0);
  return {
    name,
    typ: table.typ,
    sub: table.sub,
    fields,
    names: fields.map((field) => `${name}.${field.name}`),
    requiredCount: required.length,
    minLength: required.reduce((sum, { minSize }) => sum + minSize, 0),
    maxLength: Math.min(largest + EXTRA_BYTES, MAX_LENGTH),
  };
}

function buildField([name, spelled, missing]: FieldRow): FieldLayout {
  const [, element = '', count] = /^(\w+)(?:\[(\w+)\])?$/.exec(spelled) ?? [];
  if (!isScalarCode(element)) throw new TypeError(`${name}: no STDF data type is called ${spelled}`);
  return {
    name,
    key: camel(name),
    code: element,
    countKey: count === undefined ? undefined : camel(count),
    minSize: count === undefined ? SIZES[element].min : 0,
    missing,
  };
}

function isScalarCode(code: string): code is ScalarCode {
  return Object.hasOwn(SIZES, code);
}
