import { closeSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { hashOfAsked, indexBytes, rowsInIndex } from '../../src/records/index-file.js';
import { dieRecord } from './records.js';
import { temporaryFolder } from './writing.js';

function rowsOf(records: ReturnType<typeof dieRecord>[], asked: Parameters<typeof hashOfAsked>[0]) {
  const path = join(temporaryFolder(), 'index');
  const bytes = indexBytes(records);
  writeFileSync(path, bytes);
  const file = openSync(path, 'r');
  try {
    return rowsInIndex(file, bytes.length, hashOfAsked(asked));
  } finally {
    closeSync(file);
  }
}

const many = Array.from({ length: 20_000 }, (_, i) =>
  dieRecord({ dieId: `d${i}`, wafer: `W${i % 25}`, x: i % 150, y: Math.floor(i / 150) }),
);
const key = { lot: undefined, insertion: undefined, touchdown: undefined };

test('a die is found by its id and by its place', () => {
  for (const i of [0, 1, 777, 19_999]) {
    expect(rowsOf(many, { dieId: `d${i}` })).toContain(i);
    const { wafer = '', x = 0, y = 0 } = many[i] ?? {};
    expect(rowsOf(many, { key: { ...key, wafer, x, y } })).toContain(i);
  }
});

test('a die that is not there is not found', () => {
  expect(rowsOf(many, { dieId: 'none' })).toEqual([]);
  expect(rowsOf([], { dieId: 'none' })).toEqual([]);
});

test('every record of a die is found, in order, however often it was sent', () => {
  const often = [
    dieRecord({ dieId: 'other' }),
    ...Array.from({ length: 3000 }, () => dieRecord()),
    dieRecord(),
  ];
  const rows = rowsOf(often, { dieId: 'd1' });
  expect(rows).toEqual(Array.from({ length: 3001 }, (_, i) => i + 1));
});

test('records without a die are in no index', () => {
  const none = { dieId: undefined, wafer: undefined };
  expect(indexBytes([dieRecord(none)])).toEqual(indexBytes([]));
});
