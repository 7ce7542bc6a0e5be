import { describe, expect, it } from 'vitest';
import type { MeasurementContract } from '../../../src/die/die.js';
import { decodeDieBinary, decodeDiesBinary } from '../../../src/rows/decode/binary.js';
import { labelsFromHeaders } from '../../../src/rows/decode/headers.js';
import { createPlainRows } from '../../../src/rows/decode/row-allocator.js';
import { bitsOf, contractOf, refusalOf } from './harness.js';

const three = contractOf(3);
const label = { die_id: 'd' };
const labelsOf = (dies: number) => labelsFromHeaders({}, dies, 'r1');

function bytesOf(values: readonly number[]): Buffer {
  const body = Buffer.alloc(values.length * 4);
  values.forEach((value, i) => void body.writeFloatLE(value, i * 4));
  return body;
}

const decodeDie = (body: Buffer, contract: MeasurementContract) =>
  decodeDieBinary([body], contract, label, createPlainRows(contract.parameterCount));
const decodeDies = (body: Buffer) => decodeDiesBinary([body], three, 64, createPlainRows(3), labelsOf);

describe('a binary die', () => {
  const values = [1.5, -0, 1e-45];

  it('is its little-endian float32, to the bit', () => {
    const { labels, params } = decodeDie(bytesOf(values), three);
    expect(labels).toEqual([label]);
    expect(bitsOf(params)).toEqual([0x3fc00000, 0x80000000, 1]);
  });

  it('is the same wherever its memory lies, and however it is cut', () => {
    const memory = Buffer.alloc(64);
    for (const offset of [0, 1, 2, 3, 4]) {
      const body = memory.subarray(offset, offset + 12);
      bytesOf(values).copy(body);
      for (let cut = 0; cut <= body.length; cut++) {
        const pieces = [body.subarray(0, cut), body.subarray(cut)];
        const { params } = decodeDieBinary(pieces, three, label, createPlainRows(3));
        expect(bitsOf(params)).toEqual([0x3fc00000, 0x80000000, 1]);
      }
    }
  });

  it('is a copy, in rows of the caller, who has none of them to give back after a refusal', () => {
    const lent = new Set<Float32Array>();
    const plain = createPlainRows(3);
    const rows = {
      take(dies: number) {
        const taken = plain.take(dies);
        lent.add(taken);
        return taken;
      },
      give: (given: Float32Array) => expect(lent.delete(given)).toBe(true),
    };
    const body = bytesOf(values);
    const { params } = decodeDieBinary([body], three, label, rows);
    body.fill(0);
    expect(bitsOf(params)).toEqual([0x3fc00000, 0x80000000, 1]);
    expect([...lent]).toEqual([params]);
    rows.give(params);
    refusalOf(() => decodeDieBinary([bytesOf([1, Infinity, 2])], three, label, rows));
    refusalOf(() => decodeDieBinary([Buffer.alloc(8)], three, label, rows));
    refusalOf(() => decodeDiesBinary([bytesOf([1, Infinity, 2])], three, 64, rows, labelsOf));
    expect(lent.size).toBe(0);
  });

  it.each([0, 11, 13, 24])('of %i bytes is refused, naming both sizes', (size) => {
    const refusal = refusalOf(() => decodeDie(Buffer.alloc(size), three));
    expect(refusal.status).toBe(422);
    expect(refusal.message).toBe(`expected 12 bytes (3 little-endian float32), found ${size}`);
  });

  it.each([Infinity, -Infinity, Number.NaN])('with %d is refused by its path', (value) => {
    const { status, faults } = refusalOf(() => decodeDie(bytesOf([1, value, 2]), three));
    expect(status).toBe(422);
    expect(faults).toEqual([{ path: 'test_params[1]', message: `expected a finite number, found ${value}` }]);
  });

  it('may hold NaN for a missing value, and still no infinity, if the model accepts that', () => {
    const missing = contractOf(3, true);
    expect(decodeDie(bytesOf([1, Number.NaN, 2]), missing).params[1]).toBeNaN();
    const { faults } = refusalOf(() => decodeDie(bytesOf([Number.NaN, Infinity, 2]), missing));
    expect(faults).toEqual([
      {
        path: 'test_params[1]',
        message: 'expected a finite number, or NaN where no value was measured, found Infinity',
      },
    ]);
  });
});

describe('a binary batch', () => {
  it('is one row after the other', () => {
    const { labels, params } = decodeDies(bytesOf([1, 2, 3, 4, 5, 6]));
    expect(labels.map(({ die_id }) => die_id)).toEqual(['r1-0', 'r1-1']);
    expect([...params]).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it.each([0, 13, 20])('of %i bytes is refused', (size) => {
    const refusal = refusalOf(() => decodeDies(Buffer.alloc(size)));
    expect(refusal.status).toBe(422);
    expect(refusal.message).toBe(
      `expected one or more dies of 12 bytes (3 little-endian float32), found ${size} bytes`,
    );
  });

  it('over the limit is refused with 413, before its ids are read', () => {
    const refusal = refusalOf(() =>
      decodeDiesBinary([Buffer.alloc(36)], three, 2, createPlainRows(3), () => expect.fail()),
    );
    expect([refusal.status, refusal.message]).toEqual([413, 'found 3 dies, expected at most 2 in one call']);
  });

  it('with one bad die is refused whole, naming its index; at most 20 faults are listed', () => {
    const { faults } = refusalOf(() => decodeDies(bytesOf([1, 2, 3, 4, 5, Infinity])));
    expect(faults?.map(({ path }) => path)).toEqual(['[1].test_params[2]']);
    const many = refusalOf(() => decodeDies(bytesOf(Array(30).fill(Number.NaN))));
    expect([many.faults?.length, many.totalFaults]).toEqual([20, 30]);
  });
});
