import { describe, expect, test } from 'vitest';
import { DieReader } from '../../src/rows/read-dies.js';
import { bytesOf, dieOf } from '../support/dies.js';

const contract = { parameterCount: 4, acceptsMissing: false };

const json = (value: unknown) => ({ media: 'json' as const, pieces: [Buffer.from(JSON.stringify(value))] });
const binary = (...values: number[]) => ({
  media: 'binary' as const,
  pieces: [Buffer.from(bytesOf(values))],
});
const read = (reader: DieReader, body: ReturnType<typeof json> | ReturnType<typeof binary>) =>
  reader.read({ id: 'r', headers: { 'x-die-id': 'd' }, body }, contract, 'realtime');

describe('the rows of dies', () => {
  test.each([
    ['JSON', json(dieOf({ test_params: [1, 2, 3, null] }, 4)), json(dieOf({}, 4))],
    ['binary', binary(1, 2, 3, Number.POSITIVE_INFINITY), binary(1, 2, 3, 4)],
  ])('that are refused are used again, as those are that were answered: %s', (_, refused, good) => {
    const reader = new DieReader(1, () => {});
    const first = read(reader, good);
    reader.release(first, contract);
    expect(() => read(reader, refused)).toThrow();
    expect(read(reader, good).params).toBe(first.params);
  });
});

test('a body is the same in one piece and in several', () => {
  const reader = new DieReader(1, () => {});
  const whole = Buffer.from(JSON.stringify(dieOf({}, 4)));
  const expected = read(reader, { media: 'json', pieces: [whole] });
  for (let cut = 0; cut <= whole.length; cut++) {
    const pieces = [whole.subarray(0, cut), whole.subarray(cut)];
    expect(read(reader, { media: 'json', pieces })).toEqual(expected);
  }
});
