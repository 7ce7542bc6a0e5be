import { camel } from './field-types.js';
import { type FieldLayout, layoutOf } from './layout.js';
import type { RecordName, StdfRecord } from './records.js';

/**
 * Whether a value that stands in a record counts as missing by the rules of its field (stdf-v4.md
 * section 3): absent, empty, a reserved number, or marked invalid in OPT_FLAG.
 */
function isMissing(field: FieldLayout, value: unknown, optFlag: unknown): boolean {
  if (value === undefined) return true;
  if (field.missing === undefined) return isEmpty(field, value);
  if (typeof field.missing === 'number') return value === field.missing;
  return typeof optFlag === 'number' && (optFlag & field.missing.optFlag) !== 0;
}

function isEmpty({ code, countKey }: FieldLayout, value: unknown): boolean {
  if (countKey !== undefined) return false;
  // The standard's missing C1 is a space; real files also write NUL.
  if (code === 'C1') return value === ' ' || value === '\0';
  if (code === 'Cn') return value === '';
  if (code === 'Bn') return value instanceof Uint8Array && value.length === 0;
  return typeof value === 'object' && value !== null && 'count' in value && value.count === 0;
}

const fields = new Map<string, FieldLayout>();

/**
 * The value of a field, or undefined where it is missing by any rule: `known(prr, 'softBin')` is
 * undefined for 65535 and for a PRR that ends before SOFT_BIN.
 */
export function known<R extends StdfRecord, Key extends keyof R & string>(
  record: R,
  key: Key,
): Exclude<R[Key], undefined> | undefined {
  const value = record[key];
  const optFlag = 'optFlag' in record ? record.optFlag : undefined;
  // isMissing is true for undefined, which is all that Exclude takes away.
  return isMissing(fieldOf(record.type, key), value, optFlag)
    ? undefined
    : (value as Exclude<R[Key], undefined>);
}

function fieldOf(type: RecordName, key: string): FieldLayout {
  const id = `${type}.${key}`;
  let field = fields.get(id);
  if (field === undefined) {
    field = layoutOf(type).fields.find((candidate) => candidate.key === key);
    if (field === undefined) throw new TypeError(`${type} has no field ${camel(key)}`);
    fields.set(id, field);
  }
  return field;
}
