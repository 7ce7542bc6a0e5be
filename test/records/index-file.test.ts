import { open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { hashOfAsked, indexBytes, isWholeIndex, rowsInIndex } from '../../src/records/index-file.js';
import { dieRecord } from './records.js';
import { temporaryFolder } from './writing.js';

async function rowsOf(records: ReturnType<typeof dieRecord>[], asked: Parameters<typeof hashOfAsked>[0]) {
  const path = join(temporaryFolder(), 'index');
  const bytes = indexBytes(records);
  await writeFile(path, bytes);
  const file = await open(path);
  try {
    return await rowsInIndex(file, bytes.length, hashOfAsked(asked));
  } finally {
    await file.close();
  }
}

const many = Array.from({ length: 20_000 }, (_, i) =>
  dieRecord({ dieId: `d${i}`, wafer: `W${i % 25}`, x: i % 150, y: Math.floor(i / 150) }),
);
const key = { lot: undefined, insertion: undefined, touchdown: undefined };

test('a die is found by its id and by its place', async () => {
  for (const i of [0, 1, 777, 19_999]) {
    expect(await rowsOf(many, { dieId: `d${i}` })).toContain(i);
    const { wafer = '', x = 0, y = 0 } = many[i] ?? {};
    expect(await rowsOf(many, { key: { ...key, wafer, x, y } })).toContain(i);
  }
});

test('a die that is not there is not found', async () => {
  expect(await rowsOf(many, { dieId: 'none' })).toEqual([]);
  expect(await rowsOf([], { dieId: 'none' })).toEqual([]);
});

test('every record of a die is found, in order, however often it was sent', async () => {
  const often = [
    dieRecord({ dieId: 'other' }),
    ...Array.from({ length: 3000 }, () => dieRecord()),
    dieRecord(),
  ];
  const rows = await rowsOf(often, { dieId: 'd1' });
  expect(rows).toEqual(Array.from({ length: 3001 }, (_, i) => i + 1));
});

test('records without a die are in no index', () => {
  const none = { dieId: undefined, wafer: undefined };
  expect(indexBytes([dieRecord(none)])).toEqual(indexBytes([]));
});

test('one flipped bit anywhere is found', () => {
  const bytes = indexBytes(many.slice(0, 3));
  expect(isWholeIndex(bytes)).toBe(true);
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const flipped = Buffer.from(bytes);
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    expect(isWholeIndex(flipped)).toBe(false);
  }
});
