import { copy, readArray, readBits, readBytes, type Source } from './decode-values.js';
import type { FieldLayout, RecordLayout } from './layout.js';
import type { ByteOrder, StdfRecord } from './records.js';

/**
 * How a body and its table agreed. `extra`: bytes are left after the last field. `cut`: the body
 * ends inside a field. `short`: a required field is missing, so there is no record.
 */
export type Fit = 'exact' | 'extra' | 'cut' | 'short';

export interface RecordDecoder {
  /**
   * Decodes the body at `start`..`end` of the source. Reads nothing outside it, whatever it holds
   * (stdf-v4.md section 3: a record never moves the next). Undefined where the fit is `short`.
   */
  decode(layout: RecordLayout, source: Source, start: number, end: number): StdfRecord | undefined;
  /** The fit of the last record decoded. A field and not a result: this runs a million times a second. */
  readonly fit: Fit;
}

/** What a compiled decoder says besides its record: where it stopped, after how many fields. */
interface Progress {
  at: number;
  done: number;
}

type CompiledDecoder = (source: Source, start: number, end: number, progress: Progress) => StdfRecord;

/**
 * Decoders are compiled from the record tables, one function for each record type and byte order,
 * when the first such record comes. One loop over the table, without code generation, reads lot2
 * at 60 MB/s: its property stores serve every record type and so never become fast (measured;
 * compiled: see bench/stdf.ts). The source is made from our own constant tables only: no byte of a
 * file gets into it.
 */
export function createRecordDecoder(byteOrder: ByteOrder): RecordDecoder {
  const compiled = new Map<RecordLayout, CompiledDecoder>();
  const progress: Progress = { at: 0, done: 0 };

  const decoder = {
    fit: 'exact' as Fit,

    decode(layout: RecordLayout, source: Source, start: number, end: number): StdfRecord | undefined {
      let run = compiled.get(layout);
      if (run === undefined) {
        run = compile(layout, byteOrder);
        compiled.set(layout, run);
      }
      const record = run(source, start, end, progress);
      decoder.fit = fitOf(layout, progress, end);
      return decoder.fit === 'short' ? undefined : record;
    },
  };
  return decoder;
}

function fitOf({ fields, requiredCount }: RecordLayout, { at, done }: Progress, end: number): Fit {
  if (done < requiredCount) return 'short';
  if (at === end) return 'exact';
  return done === fields.length ? 'extra' : 'cut';
}

const HELPERS = { readArray, readBits, readBytes, copy };

/**
 * For a Pir this gives:
 *
 *     let at = start, done = 0, read, headNum, siteNum, extra;
 *     const { bytes, view, text } = source;
 *     body: {
 *       if (at + 1 > end) break body; headNum = bytes[at]; at += 1; done = 1;
 *       if (at + 1 > end) break body; siteNum = bytes[at]; at += 1; done = 2;
 *     }
 *     if (at < end) extra = copy(bytes, at, end);
 *     progress.at = at; progress.done = done;
 *     return { type: 'Pir', headNum, siteNum, extra };
 */
function compile(layout: RecordLayout, byteOrder: ByteOrder): CompiledDecoder {
  const keys = layout.fields.map(({ key }) => key);
  const steps = layout.fields.map((field, i) => `${stepFor(field, byteOrder)} done = ${i + 1};`);
  const body = `'use strict';
    const { ${Object.keys(HELPERS).join(', ')} } = helpers;
    return function decode${layout.name}(source, start, end, progress) {
      let at = start, done = 0, read, ${[...keys, 'extra'].join(', ')};
      const { bytes, view, text } = source;
      body: {
        ${steps.join('\n        ')}
      }
      if (at < end) extra = copy(bytes, at, end);
      progress.at = at;
      progress.done = done;
      return { type: '${layout.name}', ${[...keys, 'extra'].join(', ')} };
    }`;
  // The layout and the type StdfRecord are made from one table, so the function's type holds.
  return new Function('helpers', body)(HELPERS) as CompiledDecoder;
}

const GETTERS = {
  U1: 'getUint8',
  B1: 'getUint8',
  N1: 'getUint8',
  U2: 'getUint16',
  U4: 'getUint32',
  I1: 'getInt8',
  I2: 'getInt16',
  I4: 'getInt32',
  R4: 'getFloat32',
  R8: 'getFloat64',
} as const;

/** The statements that read one field, or leave the body where the field does not fit. */
function stepFor({ key, code, countKey, minSize }: FieldLayout, byteOrder: ByteOrder): string {
  const orLeave = (call: string) =>
    `read = ${call}; if (read === undefined) break body; ${key} = read.value; at = read.next;`;
  if (countKey !== undefined) return orLeave(`readArray('${code}', ${countKey}, source, at, end)`);
  const fits = `if (at + ${minSize} > end) break body;`;
  switch (code) {
    case 'Cn':
      return `${fits} read = at + 1 + bytes[at]; if (read > end) break body;
        ${key} = text(bytes, at + 1, read - at - 1); at = read;`;
    case 'C1':
      return `${fits} ${key} = text(bytes, at, 1); at += 1;`;
    case 'Bn':
      return orLeave('readBytes(source, at, end)');
    case 'Dn':
      return orLeave('readBits(source, at, end)');
    case 'Vn':
      throw new TypeError(`${key}: a Vn stands only in an array`);
    default:
      return `${fits} ${key} = view.${GETTERS[code]}(at, ${byteOrder === 'little'}); at += ${minSize};`;
  }
}
