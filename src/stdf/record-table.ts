import type { FieldCode } from './field-types.js';

/**
 * A row is the standard's name, its type code and when the value counts as missing although it is
 * there: a reserved number, or a mask of OPT_FLAG bits of which any one set means missing. Text,
 * bit and byte fields need no rule: empty is missing, a C1 is missing when space or NUL.
 */
export type FieldRow = readonly [name: string, code: FieldCode, missing?: number | OptFlagMask];

export interface OptFlagMask {
  readonly optFlag: number;
}

/** A record: `optional` fields may be left out from the end of it. */
export interface RecordTable {
  /** REC_TYP and REC_SUB. */
  readonly typ: number;
  readonly sub: number;
  readonly required: readonly FieldRow[];
  readonly optional: readonly FieldRow[];
}

/** What numbers mean "missing". */
export const NO_TIME = 0;
export const NO_COUNT = 4294967295;
export const NO_COORD = -32768;
export const NO_GROUP = 255;
