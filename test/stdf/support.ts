import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import type { FieldLayout } from '../../src/stdf/layout.js';
import { layoutOf, recordNames } from '../../src/stdf/layout.js';
import type { ByteOrder, RawRecord, RecordName, StdfRecord } from '../../src/stdf/records.js';
import { encodeRecord, farOf, readStdf } from '../../src/stdf/stdf.js';

const DATA = new URL('../../../shared/data/', import.meta.url);
const LOT2 = fileURLToPath(new URL('lot2.stdf.gz', DATA));
const FACTS = fileURLToPath(new URL('lot2.facts.json', DATA));

/** Why tests on the real lot cannot run here, or undefined where they can. */
export const lot2Missing =
  existsSync(LOT2) && existsSync(FACTS) ? undefined : `the real lot is not here: ${LOT2}`;

export const lot2Gzip = () => readFileSync(LOT2);
export const lot2 = () => gunzipSync(lot2Gzip());
export const lot2Facts = () => JSON.parse(readFileSync(FACTS, 'utf8'));

/** A stream of the given chunks. */
export async function* streamOf(...chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array, void, void> {
  yield* chunks;
}

/** The bytes cut into chunks of `size`. */
export async function* chunksOf(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array, void, void> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** A file of these records, with a FAR before them. */
export function fileOf(records: readonly (StdfRecord | RawRecord)[], order: ByteOrder = 'little'): Buffer {
  return Buffer.concat([farOf(order), ...records].map((record) => encodeRecord(record, order)));
}

/** Everything that a reader says of these bytes, all record types, unknown ones as bytes. */
export async function readAll(bytes: Uint8Array) {
  const reader = readStdf(streamOf(bytes), { raw: true });
  const records = await collect(reader);
  return { records, report: reader.report() };
}

export const mir: StdfRecord<'Mir'> = {
  type: 'Mir',
  setupT: 1,
  startT: 2,
  statNum: 1,
  modeCod: 'P',
  rtstCod: ' ',
  protCod: ' ',
  burnTim: 65535,
  cmodCod: ' ',
  lotId: 'LOT-1',
  partTyp: 'CHIP',
  nodeNam: 'node',
  tstrTyp: 'tester',
  jobNam: 'job',
};

export const mrr: StdfRecord<'Mrr'> = { type: 'Mrr', finishT: 3 };

export function pir(headNum: number, siteNum: number): StdfRecord<'Pir'> {
  return { type: 'Pir', headNum, siteNum };
}

export function prr(
  headNum: number,
  siteNum: number,
  more: Partial<StdfRecord<'Prr'>> = {},
): StdfRecord<'Prr'> {
  return {
    type: 'Prr',
    headNum,
    siteNum,
    partFlg: 0,
    numTest: 1,
    hardBin: 1,
    softBin: 1,
    xCoord: 5,
    yCoord: -7,
    testT: 12,
    ...more,
  };
}

export function ptr(
  testNum: number,
  result: number,
  more: Partial<StdfRecord<'Ptr'>> = {},
): StdfRecord<'Ptr'> {
  return { type: 'Ptr', testNum, headNum: 1, siteNum: 0, testFlg: 0, parmFlg: 0, result, ...more };
}

const text = fc
  .oneof(
    { weight: 9, arbitrary: fc.integer({ min: 0, max: 12 }) },
    { weight: 1, arbitrary: fc.constant(255) },
  )
  .chain((length) => fc.array(fc.integer({ min: 0, max: 255 }), { minLength: length, maxLength: length }))
  .map((codes) => String.fromCharCode(...codes));
const bytes = fc.uint8Array({ maxLength: 20 });
const bits = fc.integer({ min: 0, max: 70 }).chain((count) => {
  const length = Math.ceil(count / 8);
  return fc.record({
    count: fc.constant(count),
    bytes: fc.uint8Array({ minLength: length, maxLength: length }),
  });
});
const float32 = fc.float();
const number = {
  U1: fc.integer({ min: 0, max: 255 }),
  B1: fc.integer({ min: 0, max: 255 }),
  U2: fc.integer({ min: 0, max: 65535 }),
  U4: fc.integer({ min: 0, max: 4294967295 }),
  I1: fc.integer({ min: -128, max: 127 }),
  I2: fc.integer({ min: -32768, max: 32767 }),
  I4: fc.integer({ min: -2147483648, max: 2147483647 }),
  R4: float32,
  R8: fc.double(),
  N1: fc.integer({ min: 0, max: 15 }),
};
const numberCode = fc.constantFrom('U1', 'U2', 'U4', 'I1', 'I2', 'I4', 'R4', 'R8', 'N1');
const generic = fc.oneof(
  fc.constant({ code: 'pad' }),
  numberCode.chain((code) => number[code].map((value) => ({ code, value }))),
  text.map((value) => ({ code: 'Cn', value })),
  bytes.map((value) => ({ code: 'Bn', value })),
  bits.map((value) => ({ code: 'Dn', value })),
);

function fieldValue({ code }: FieldLayout): fc.Arbitrary<unknown> {
  switch (code) {
    case 'C1':
      return fc.integer({ min: 0, max: 255 }).map((c) => String.fromCharCode(c));
    case 'Cn':
      return text;
    case 'Bn':
      return bytes;
    case 'Dn':
      return bits;
    case 'Vn':
      return generic;
    default:
      return number[code];
  }
}

/**
 * Any record of a type, from its table: any number of optional fields absent from its end, and where
 * none is, now and then bytes after the last. An array whose count is 0 takes no bytes, so it cannot
 * be absent where the field before it is there.
 */
export function recordOf(name: RecordName): fc.Arbitrary<StdfRecord> {
  const { fields, requiredCount } = layoutOf(name);
  const counts = new Set(fields.map(({ countKey }) => countKey));
  return fc
    .record({
      cut: fc.integer({ min: requiredCount, max: fields.length }),
      sizes: fc.array(fc.integer({ min: 0, max: 5 }), { minLength: fields.length, maxLength: fields.length }),
      extra: fc.option(fc.uint8Array({ minLength: 1, maxLength: 9 }), { nil: undefined, freq: 5 }),
    })
    .chain(({ cut, sizes, extra }) => {
      const countOf = (key: string | undefined) => sizes[fields.findIndex((field) => field.key === key)] ?? 0;
      let present = cut;
      while (present < fields.length && isEmptyArray(fields[present], countOf)) present++;
      const values = fields.slice(0, present).map((field): [string, fc.Arbitrary<unknown>] => {
        if (counts.has(field.key)) return [field.key, fc.constant(countOf(field.key))];
        if (field.countKey === undefined) return [field.key, fieldValue(field)];
        const length = countOf(field.countKey);
        return [field.key, fc.array(fieldValue(field), { minLength: length, maxLength: length })];
      });
      const whole = present === fields.length;
      return fc
        .record(Object.fromEntries(values))
        .map((made) => ({ type: name, ...made, ...(whole && extra !== undefined ? { extra } : {}) }));
    }) as fc.Arbitrary<StdfRecord>;
}

function isEmptyArray(field: FieldLayout | undefined, countOf: (key: string | undefined) => number): boolean {
  return field?.countKey !== undefined && countOf(field.countKey) === 0;
}

export const anyRecord = fc.constantFrom(...recordNames()).chain(recordOf);
