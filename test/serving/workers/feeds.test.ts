import { expect, test } from 'vitest';
import { inputTensors, plainInput } from '../../../src/models/manifest/input-tensors.js';
import { createFeeds, type MakeTensor } from '../../../src/serving/workers/feeds.js';
import { outputRows } from '../../../src/serving/workers/output-rows.js';

const parts: MakeTensor<{ type: string; data: unknown; dims: readonly number[] }> = (type, data, dims) => ({
  type,
  data,
  dims,
});

test('the one float32 input of most models is the rows themselves', () => {
  const params = new Float32Array(8);
  const { x } = createFeeds([plainInput('x', 4)], 4, parts)(2, params);
  expect(x?.data).toBe(params);
  expect(x?.dims).toEqual([2, 4]);
});

test('rows are shared out to named inputs by column, each in its type and shape', () => {
  const parameters = [
    { name: 'a' },
    { name: 'b' },
    { name: 'n' },
    { name: 'p', categories: ['A', 'B'] },
    { name: 'flag' },
  ];
  const tensors = inputTensors({
    input: {
      name: 'row',
      missing: 'reject',
      parameters,
      tensors: [
        { name: 'map', type: 'float64', shape: [1, 2] },
        { name: 'n', type: 'int64', shape: [1] },
        { name: 'p', type: 'string', shape: [1] },
        { name: 'flag', type: 'bool', shape: [] },
        { name: 'target', type: 'float32', shape: [1], constant: 7 },
      ],
    },
  });
  const feeds = createFeeds(tensors, 5, parts)(2, Float32Array.of(1.5, 2.5, 3, 1, 0, 10.5, 20.5, -30, 0, 1));
  expect(feeds).toEqual({
    map: { type: 'float64', data: Float64Array.of(1.5, 2.5, 10.5, 20.5), dims: [2, 1, 2] },
    n: { type: 'int64', data: BigInt64Array.of(3n, -30n), dims: [2, 1] },
    p: { type: 'string', data: ['B', 'A'], dims: [2, 1] },
    flag: { type: 'bool', data: Uint8Array.of(0, 1), dims: [2] },
    target: { type: 'float32', data: Float32Array.of(7, 7), dims: [2, 1] },
  });
});

test('outputs of any type of number are read as they are nearest in float32', () => {
  const rows = (type: string, data: unknown) =>
    outputRows({ name: 'y', size: 1 }, { type, data }, 2, new Float32Array());
  expect(rows('float64', Float64Array.of(0.1, 2))).toEqual(Float32Array.of(0.1, 2));
  expect(rows('int64', BigInt64Array.of(-1n, 5n))).toEqual(Float32Array.of(-1, 5));
  expect(() => rows('float16', Uint16Array.of(1, 2))).toThrow('output "y" is float16, expected numbers');
  expect(() => rows('string', ['a', 'b'])).toThrow('expected numbers');
  expect(() => rows('float32', new Float32Array(3))).toThrow('output "y" has 3 values, expected 2');
});

test.each([
  [[1, -1], BigInt64Array.of(-1n, 1n, 7n), [1, 0, Number.NaN]],
  [
    ['good', 'bad'],
    ['bad', 'good', 'ugly'],
    [1, 0, Number.NaN],
  ],
  [['good', 'bad'], BigInt64Array.of(0n, 1n, 2n), [0, 1, Number.NaN]],
])('labels %j are read as their positions', (labels, data, expected) => {
  const tensor = { type: 'int64', data };
  const rows = outputRows({ name: 'label', size: 1, labels }, tensor, 3, new Float32Array());
  expect([...rows]).toEqual(expected);
});

test('a reconstruction is read as the mean square of its error, missing values left out', () => {
  const output = { name: 'r', size: 1, reconstructs: Float32Array.of(2, 1) };
  const given = Float32Array.of(1, 1, Number.NaN, 3, Number.NaN, Number.NaN);
  const made = { type: 'float32', data: Float32Array.of(1.5, 3, 9, 4, 0, 0) };
  expect([...outputRows(output, made, 3, given)]).toEqual([(1 + 4) / 2, 1, Number.NaN]);
});
