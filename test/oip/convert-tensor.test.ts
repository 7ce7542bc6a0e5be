import { describe, expect, test } from 'vitest';
import { asFloat32Bytes, assertLossless } from '../../src/oip/convert-tensor.js';
import { DATATYPE_NAMES, DATATYPES, type DatatypeName } from '../../src/oip/datatypes.js';
import { refusalOf } from '../rows/decode/harness.js';

function bytesOf(datatype: DatatypeName, values: readonly (number | bigint)[]): Buffer {
  const size = DATATYPES[datatype].bytes;
  const bytes = Buffer.alloc(values.length * size);
  values.forEach((value, i) => {
    const at = i * size;
    if (datatype === 'INT64') bytes.writeBigInt64LE(BigInt(value), at);
    else if (datatype === 'UINT64') bytes.writeBigUInt64LE(BigInt(value), at);
    else if (datatype === 'FP64') bytes.writeDoubleLE(Number(value), at);
    else if (datatype.startsWith('UINT')) bytes.writeUIntLE(Number(value), at, size);
    else if (datatype.startsWith('INT')) bytes.writeIntLE(Number(value), at, size);
    else bytes.writeUInt16LE(Number(value), at);
  });
  return bytes;
}

const converted = (datatype: DatatypeName, values: readonly (number | bigint)[]): number[] => {
  const bytes = asFloat32Bytes(bytesOf(datatype, values), datatype);
  return [...new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)];
};

describe('values of another type are those that float32 holds as they are', () => {
  test.each<[DatatypeName, readonly (number | bigint)[], readonly number[]]>([
    ['FP64', [0.5, -0, 1e10, Number.NaN, 2 ** -149], [0.5, -0, 1e10, Number.NaN, 2 ** -149]],
    // Of IEEE 754: 1, -2, the largest, the least, the least normal one, NaN, -0.
    [
      'FP16',
      [0x3c00, 0xc000, 0x7bff, 0x0001, 0x0400, 0x7e00, 0x8000],
      [1, -2, 65504, 2 ** -24, 2 ** -14, Number.NaN, -0],
    ],
    ['BF16', [0x3f80, 0xc000, 0x7f7f, 0x0001], [1, -2, (2 - 2 ** -7) * 2 ** 127, 2 ** -133]],
    ['INT8', [-128, 127], [-128, 127]],
    ['UINT8', [0, 255], [0, 255]],
    ['INT16', [-32768, 32767], [-32768, 32767]],
    ['UINT16', [65535], [65535]],
    ['INT32', [-(2 ** 31), 2 ** 24, 7], [-(2 ** 31), 2 ** 24, 7]],
    ['UINT32', [2 ** 31], [2 ** 31]],
    ['INT64', [2n ** 60n, -(2n ** 63n), 3n], [2 ** 60, -(2 ** 63), 3]],
    ['UINT64', [2n ** 63n], [2 ** 63]],
  ])('%s', (datatype, values, expected) => {
    expect(converted(datatype, values)).toEqual(expected);
  });

  test.each<[DatatypeName, number | bigint]>([
    ['FP64', 0.1],
    ['FP64', 1e39],
    ['INT32', 2 ** 24 + 1],
    ['UINT32', 2 ** 32 - 1],
    ['INT64', 2n ** 53n + 1n],
    ['UINT64', 2n ** 64n - 1n],
  ])('%s %s is refused with its place, its value and what to do', (datatype, value) => {
    const { code, faults, totalFaults } = refusalOf(() => converted(datatype, [1, value, value]));
    expect([code, totalFaults, faults?.[0]?.path]).toEqual(['invalid_input', 2, 'inputs[0].data[1]']);
    expect(faults?.[0]?.message).toContain(`found ${value}; round it yourself and send FP32`);
  });

  test('an infinity is left to the decoder, which refuses it as of FP32', () => {
    expect(converted('FP64', [Number.POSITIVE_INFINITY])).toEqual([Number.POSITIVE_INFINITY]);
    expect(converted('FP16', [0xfc00])).toEqual([Number.NEGATIVE_INFINITY]);
  });
});

describe('of JSON', () => {
  const check = (datatype: DatatypeName, data: unknown) => () => assertLossless(data, datatype);

  test('what FP32 holds is let pass, flat or nested, missing values too', () => {
    for (const datatype of DATATYPE_NAMES) expect(check(datatype, [[1, null], [2]])).not.toThrow();
    expect(check('FP32', [0.1])).not.toThrow();
  });

  test.each<[DatatypeName, unknown]>([
    ['FP64', [0.1]],
    ['INT8', [128]],
    ['UINT8', [-1]],
    ['INT32', [1.5]],
    // JSON.parse has rounded it perhaps.
    ['INT64', [2 ** 53]],
    ['FP16', [[1], [0.1]]],
  ])('%s %j is refused', (datatype, data) => {
    expect(refusalOf(check(datatype, data)).code).toBe('invalid_input');
  });
});
