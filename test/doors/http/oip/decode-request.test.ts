import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeInferRequest, readInferBody } from '../../../../src/doors/http/oip/decode-request.js';
import { Refusal } from '../../../../src/errors.js';
import type { InferLimits } from '../../../../src/oip/infer-request.js';
import { float32Bytes, limitsOf, screenVersion } from './support.js';

const version = screenVersion();
const limits = limitsOf(version);
const tolerant = limitsOf(screenVersion({ acceptsMissing: true }));

const input = (changes: object = {}) => ({
  name: 'test_params',
  shape: [1, 4],
  datatype: 'FP32',
  data: [1, 2, 3, 4],
  ...changes,
});
const request = (changes: object = {}) => ({ inputs: [input()], ...changes });
const json = (value: unknown) => Buffer.from(JSON.stringify(value));
const decode = (value: unknown, by: InferLimits = limits) =>
  decodeInferRequest(readInferBody(json(value), undefined), by);
const decodeBinary = (value: unknown, tail: Buffer, by: InferLimits = limits) => {
  const head = json(value);
  return decodeInferRequest(readInferBody(Buffer.concat([head, tail]), String(head.length)), by);
};
const refusalOf = (run: () => unknown): { code: string; message: string } => {
  try {
    run();
  } catch (error) {
    if (error instanceof Refusal) return { code: error.code, message: error.message };
    throw error;
  }
  return expect.fail('expected a refusal');
};
const binaryInput = (dies: number, size: unknown = dies * 16) =>
  input({ shape: [dies, 4], data: undefined, parameters: { binary_data_size: size } });

describe('JSON tensors', () => {
  test('are read flat or nested, for [dies, parameters] or, for one die, [parameters]', () => {
    const rows = [1, 2, 3, 4, 5, 6, 7, 8];
    const flat = decode(request({ inputs: [input({ shape: [2, 4], data: rows })] }));
    const nested = decode(
      request({ inputs: [input({ shape: [2, 4], data: [rows.slice(0, 4), rows.slice(4)] })] }),
    );
    expect([...flat.measurements.params]).toEqual(rows);
    expect(nested.measurements).toEqual(flat.measurements);
    expect(decode(request({ inputs: [input({ shape: [4] })] })).measurements.labels).toHaveLength(1);
  });

  test('have null for a missing value where the model accepts one', () => {
    const body = request({ inputs: [input({ data: [1, null, 3, 4] })] });
    expect([...decode(body, tolerant).measurements.params]).toEqual([1, Number.NaN, 3, 4]);
    expect(refusalOf(() => decode(body))).toEqual({
      code: 'invalid_input',
      message: 'inputs[0].data[1]: expected a number, found null',
    });
  });

  test.each([
    ['a value beyond float32', [1, 2, 1e39, 4], /data\[2\]: .*magnitude up to.*found 1e\+39/],
    ['text', [1, 'x', 3, 4], /data\[1\]: expected a number, found the string "x"/],
    ['too few values', [1, 2, 3], /data: expected 4 values, found 3/],
    ['too many values', [1, 2, 3, 4, 5], /data: expected 4 values, found 5/],
    ['no values', [], /data: expected 4 values, found 0/],
    ['a number for an array', 7, /data: expected an array, found 7/],
    ['nothing', undefined, /data: expected an array, found nothing/],
    ['rows of the wrong length', [[1, 2, 3]], /data\[0\]: expected 4 values, found 3/],
    ['too many rows', [[1, 2, 3, 4], []], /data: expected 1 dies, found 2/],
    ['nesting beyond the shape', [[[1, 2, 3, 4]]], /data\[0\]: expected 4 values, found 1/],
    ['several faults', ['a', 'b', 'c', 4], /data\[0\]: .*\(and 2 more\)/],
  ])('%s: refused by its place', (_, data, message) => {
    const refused = refusalOf(() => decode(request({ inputs: [input({ data })] })));
    expect(refused.code).toBe('invalid_input');
    expect(refused.message).toMatch(message);
  });
});

describe('the input', () => {
  test.each([
    ['another name', { name: 'x' }, /inputs\[0\]\.name: expected "test_params", found "x"/],
    ['another datatype', { datatype: 'BYTES' }, /datatype: expected FP32.* found the string "BYTES"/],
    ['a datatype of truths', { datatype: 'BOOL' }, /datatype: expected FP32/],
    ['no dies', { shape: [0, 4] }, /shape: expected \[dies, 4\] with 1 die or more.*found \[0, 4\]/],
    ['other parameters', { shape: [1, 5] }, /shape: .*found \[1, 5\]/],
    ['a third dimension', { shape: [1, 4, 1] }, /shape: .*found \[1, 4, 1\]/],
    ['no dimension', { shape: [] }, /shape: .*found \[\]/],
    ['a negative size', { shape: [-1, 4] }, /shape\[0\]: expected a size of 0 or more, found -1/],
    [
      'shared memory',
      { parameters: { shared_memory_region: 'r' } },
      /shared_memory_region: is not supported/,
    ],
  ])('%s is refused', (_, changes, message) => {
    expect(refusalOf(() => decode(request({ inputs: [input(changes)] }))).message).toMatch(message);
  });

  test('is exactly one', () => {
    expect(refusalOf(() => decode(request({ inputs: [] }))).message).toBe(
      'inputs: expected 1 input, found 0',
    );
    expect(refusalOf(() => decode(request({ inputs: [input(), input()] }))).message).toBe(
      'inputs: expected 1 input, found 2',
    );
  });

  test('has at most as many dies as one call may have, whatever its data', () => {
    const refused = refusalOf(() => decode(request({ inputs: [input({ shape: [1e15, 4] })] })));
    expect(refused).toEqual({
      code: 'batch_too_large',
      message: 'found 1000000000000000 dies, expected at most 100 in one call',
    });
  });
});

describe('binary tensors', () => {
  const rows = float32Bytes([1, 2, 3, 4, 5, 6, 7, 8]);

  test('follow the JSON, whose length the header says', () => {
    const { measurements } = decodeBinary(request({ id: 'q', inputs: [binaryInput(2)] }), rows);
    expect([...measurements.params]).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(measurements.labels.map(({ die_id }) => die_id)).toEqual(['q-0', 'q-1']);
  });

  test('have NaN for a missing value where the model accepts one', () => {
    const body = request({ inputs: [binaryInput(1)] });
    const tail = float32Bytes([1, Number.NaN, 3, 4]);
    expect([...decodeBinary(body, tail, tolerant).measurements.params]).toEqual([1, Number.NaN, 3, 4]);
    expect(refusalOf(() => decodeBinary(body, tail)).message).toMatch(/expected a finite number, found NaN/);
    const infinite = float32Bytes([1, Number.POSITIVE_INFINITY, 3, 4]);
    expect(refusalOf(() => decodeBinary(body, infinite, tolerant)).message).toMatch(/found Infinity/);
  });

  test.each([
    ['a size that is not the shape', [binaryInput(2, 16)], rows, /expected 32 for 8 FP32, found 16/],
    [
      'a size that is text',
      [binaryInput(2, '32')],
      rows,
      /expected a whole number of bytes, found the string/,
    ],
    ['fewer bytes', [binaryInput(2)], rows.subarray(1), /expected 32 bytes behind the JSON, found 31/],
    ['more bytes', [binaryInput(1)], rows, /expected 16 bytes behind the JSON, found 32/],
    ['bytes that nobody announced', [input()], rows, /binary_data_size: expected 32, found nothing/],
    [
      'values in both forms',
      [{ ...binaryInput(2), data: [1] }],
      rows,
      /expected either data or binary_data_size, found both/,
    ],
  ])('%s: refused', (_, inputs, tail, message) => {
    expect(refusalOf(() => decodeBinary(request({ inputs }), tail)).message).toMatch(message);
  });

  test('need the header', () => {
    expect(refusalOf(() => decode(request({ inputs: [binaryInput(1)] }))).message).toMatch(
      /expected the header inference-header-content-length, found none/,
    );
  });

  test.each(['999', '-1', '1.5', 'x', '', '1, 2'])('a header of "%s" is refused', (length) => {
    const refused = refusalOf(() => decodeInferRequest(readInferBody(json(request()), length), limits));
    expect(refused.code).toBe('bad_request');
    expect(refused.message).toContain(`found "${length}"`);
  });

  test('a header as long as the body says that all of it is JSON', () => {
    const body = json(request());
    expect([
      ...decodeInferRequest(readInferBody(body, String(body.length)), limits).measurements.params,
    ]).toEqual([1, 2, 3, 4]);
  });
});

describe('a raw body, header 0', () => {
  test('is one or more dies, and asks for every output but the contributions, as binary', () => {
    const read = decodeInferRequest(readInferBody(float32Bytes([1, 2, 3, 4, 5, 6, 7, 8]), '0'), limits);
    expect([...read.measurements.params]).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(read.id).toBeUndefined();
    expect(read.outputs.map(({ output, binary }) => [output.name, binary])).toEqual([
      ['anomaly_score', true],
      ['prediction', true],
      ['confidence', true],
    ]);
  });

  test.each([0, 1, 15, 17])('of %i bytes is refused', (bytes) => {
    const refused = refusalOf(() => decodeInferRequest(readInferBody(Buffer.alloc(bytes), '0'), limits));
    expect(refused.message).toContain('expected one or more dies of 16 bytes');
  });

  test('of too many dies is refused', () => {
    expect(refusalOf(() => decodeInferRequest(readInferBody(Buffer.alloc(101 * 16), '0'), limits)).code).toBe(
      'batch_too_large',
    );
  });
});

describe('requested outputs', () => {
  const asked = (changes: object) =>
    decode(request(changes)).outputs.map(({ output, binary }) => [output.name, binary]);

  test('are returned in the order asked for; binary_data of one goes before binary_data_output of all', () => {
    expect(
      asked({
        parameters: { binary_data_output: true },
        outputs: [
          { name: 'prediction', parameters: { binary_data: false } },
          { name: 'contributions' },
          { name: 'anomaly_score', parameters: { binary_data: true } },
        ],
      }),
    ).toEqual([
      ['prediction', false],
      ['contributions', true],
      ['anomaly_score', true],
    ]);
  });

  test.each([{}, { outputs: null }, { outputs: [] }])(
    'all but the contributions where none is named: %j',
    (changes) => {
      expect(asked(changes)).toEqual([
        ['anomaly_score', false],
        ['prediction', false],
        ['confidence', false],
      ]);
    },
  );

  test.each([
    [[{ name: 'x' }], /outputs\[0\]\.name: expected one of anomaly_score, .*, found "x"/],
    [[{ name: 'prediction' }, { name: 'prediction' }], /outputs\[1\]\.name: expected each output once/],
    [[{ name: 'prediction', parameters: { classification: 3 } }], /classification: is not supported here/],
    [
      [{ name: 'prediction', parameters: { shared_memory_region: 'r' } }],
      /shared_memory_region: is not supp/,
    ],
    [
      [{ name: 'prediction', parameters: { binary_data: 1 } }],
      /binary_data: expected true or false, found 1/,
    ],
    [[{}], /outputs\[0\]\.name: expected a string, found nothing/],
  ])('%j is refused', (outputs, message) => {
    expect(refusalOf(() => decode(request({ outputs }))).message).toMatch(message);
  });

  test('a matrix too large for JSON is refused, and read as binary', () => {
    const wide = limitsOf(screenVersion({ parameterCount: 1_000 }));
    const body = (binary_data: boolean) => ({
      inputs: [{ ...input(), shape: [66, 1000], data: undefined, parameters: { binary_data_size: 264_000 } }],
      outputs: [{ name: 'contributions', parameters: { binary_data } }],
    });
    const tail = Buffer.alloc(264_000);
    expect(refusalOf(() => decodeBinary(body(false), tail, wide)).message).toMatch(
      /expected at most 65536 values in JSON \(or binary_data: true\), found 66000 of "contributions"/,
    );
    expect(decodeBinary(body(true), tail, wide).outputs).toHaveLength(1);
  });
});

describe('the rest of a request', () => {
  test('an id is kept; an empty one is none', () => {
    expect(decode(request({ id: 'é/1' })).id).toBe('é/1');
    expect(decode(request({ id: '' })).id).toBeUndefined();
    expect(decode(request({ id: null })).id).toBeUndefined();
    expect(refusalOf(() => decode(request({ id: 'x'.repeat(1025) }))).message).toMatch(/at most 1024/);
  });

  test('a timeout is in microseconds, and 0 is none', () => {
    expect(decode(request({ parameters: { timeout: 2_500 } })).timeoutMs).toBe(2.5);
    expect(decode(request({ parameters: { timeout: 0 } })).timeoutMs).toBeUndefined();
    for (const timeout of [-1, 1.5, '5', null]) {
      expect(refusalOf(() => decode(request({ parameters: { timeout } }))).message).toMatch(/microseconds/);
    }
  });

  test('unknown keys and parameters are let be, sequences are refused', () => {
    expect(
      decode({ ...request({ parameters: { priority: 1, mine: 'x' } }), model_name: 'y' }).id,
    ).toBeUndefined();
    const sequence = request({ parameters: { sequence_id: 7, sequence_start: true } });
    expect(refusalOf(() => decode(sequence)).message).toMatch(/sequence_id: is not supported here/);
  });

  test.each(['', 'null', '[]', '7', '{"inputs"', 'NaN', '\ufeff{}', '{"inputs":[{"data":[NaN]}]}'])(
    '%j is refused',
    (text) => {
      const { code } = refusalOf(() =>
        decodeInferRequest(readInferBody(Buffer.from(text), undefined), limits),
      );
      expect(['invalid_json', 'invalid_input']).toContain(code);
    },
  );
});

const values = fc.float({ noNaN: true, noDefaultInfinity: true });
const rowsOf = fc
  .integer({ min: 1, max: 9 })
  .chain((dies) => fc.array(values, { minLength: dies * 4, maxLength: dies * 4 }));

describe('laws', () => {
  test('any rows are the same rows in JSON, flat or nested, as a binary tensor and raw, to the last bit', () => {
    fc.assert(
      fc.property(rowsOf, fc.string({ maxLength: 9 }), (row, id) => {
        const dies = row.length / 4;
        const nested = Array.from({ length: dies }, (_, i) => row.slice(i * 4, i * 4 + 4));
        // JSON writes -0 as 0.
        const zeroed = row.map((value) => value + 0);
        const bits = (read: { measurements: { params: Float32Array } }) =>
          Buffer.from(Float32Array.from(read.measurements.params).buffer).toString('hex');
        const ofJson = float32Bytes(zeroed).toString('hex');
        const ofBytes = float32Bytes(row);
        for (const data of [row, nested]) {
          expect(bits(decode({ id, inputs: [input({ shape: [dies, 4], data })] }))).toBe(ofJson);
        }
        expect(bits(decodeBinary({ id, inputs: [binaryInput(dies)] }, ofBytes))).toBe(
          ofBytes.toString('hex'),
        );
        expect(bits(decodeInferRequest(readInferBody(ofBytes, '0'), limits))).toBe(ofBytes.toString('hex'));
      }),
    );
  });

  test('a body that is cut off or changed is read or refused, never anything else', () => {
    const whole = json({
      id: 'q',
      parameters: { binary_data_output: true, timeout: 9 },
      inputs: [binaryInput(2)],
      outputs: [{ name: 'prediction', parameters: { binary_data: true } }],
    });
    const body = Buffer.concat([whole, float32Bytes([1, 2, 3, 4, 5, 6, 7, 8])]);
    const change = fc.tuple(fc.nat(body.length - 1), fc.nat(255));
    fc.assert(
      fc.property(
        fc.array(change, { maxLength: 4 }),
        fc.nat(body.length),
        fc.option(fc.oneof(fc.nat(2 * body.length).map(String), fc.string()), { nil: String(whole.length) }),
        (changes, length, header) => {
          const mutated = Buffer.from(body.subarray(0, length));
          for (const [at, byte] of changes) if (at < mutated.length) mutated[at] = byte;
          for (const by of [limits, tolerant]) {
            try {
              const { measurements } = decodeInferRequest(readInferBody(mutated, header), by);
              expect(measurements.params.length).toBe(measurements.labels.length * 4);
            } catch (error) {
              expect(error).toBeInstanceOf(Refusal);
            }
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  test('any JSON at all is read or refused', () => {
    fc.assert(
      fc.property(fc.json(), fc.json(), (a, b) => {
        for (const text of [a, `{"inputs":${a},"outputs":${b}}`, `{"inputs":[${a}],"parameters":${b}}`]) {
          try {
            decodeInferRequest(readInferBody(Buffer.from(text), undefined), limits);
            expect.fail('no such JSON is a request');
          } catch (error) {
            expect(error).toBeInstanceOf(Refusal);
          }
        }
      }),
    );
  });
});
