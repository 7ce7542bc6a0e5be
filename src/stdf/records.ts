import type { Camel, ValueOf } from './field-types.js';
import { LOT_RECORDS } from './lot-records.js';
import { PART_RECORDS } from './part-records.js';
import type { FieldRow } from './record-table.js';

/**
 * Every record of STDF V4, one table each: the only definition. The reader, the writer and the
 * TypeScript types below are all made from it.
 */
export const RECORDS = { ...LOT_RECORDS, ...PART_RECORDS };

/**
 * Records that V4-2007 added in files that still say version 4. They are known by name, so that
 * their counts read well; their fields are not read. `holds` says for people what is left out with them.
 */
export const V4_2007 = {
  Vur: { typ: 0, sub: 30, holds: 'which additions to V4 the file uses' },
  Psr: { typ: 1, sub: 90, holds: 'scan patterns' },
  Nmr: { typ: 1, sub: 91, holds: 'names of scan pins' },
  Cnr: { typ: 1, sub: 92, holds: 'names of scan cells' },
  Ssr: { typ: 1, sub: 93, holds: 'scan structures' },
  Cdr: { typ: 1, sub: 94, holds: 'scan chains' },
  Str: {
    typ: 15,
    sub: 30,
    holds: 'results of scan tests: they are among no tests here, their fails only in verdicts and bins',
  },
} as const;

type Tables = typeof RECORDS;

/** `'Far'`, `'Mir'`, `'Ptr'` and so on. */
export type RecordName = keyof Tables;

type Fields<Rows extends readonly FieldRow[]> = {
  readonly [R in Rows[number] as Camel<R[0]>]: ValueOf<R[1]>;
};

type Absent<T> = { readonly [K in keyof T]?: T[K] | undefined };

type Flat<T> = { [K in keyof T]: T[K] };

/**
 * A record as it stands in the file, nothing resolved: `StdfRecord<'Ptr'>`, or the union of all.
 * `undefined` means absent from the end of the record, which is not the same as empty or 0.
 */
export type StdfRecord<Name extends RecordName = RecordName> = {
  [N in Name]: Flat<
    { readonly type: N } & Fields<Tables[N]['required']> &
      Absent<Fields<Tables[N]['optional']>> & {
        /** Bytes after the last whole field: more than the table knows, or a field cut short. */
        readonly extra?: Uint8Array | undefined;
      }
  >;
}[Name];

/** A record that was not decoded: of unknown type, too short for its type, or not asked for. */
export interface RawRecord {
  readonly type: 'Raw';
  readonly typ: number;
  readonly sub: number;
  /** The body, without the four bytes of the header; in the byte order of its file. */
  readonly bytes: Uint8Array;
}

export type ByteOrder = 'little' | 'big';
