import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Fault } from '../../../src/errors.js';
import { readOnnx, tooLarge, writeOnnx } from '../../../src/models/graph/onnx-file.js';
import { graphInputs, graphOutputs, valueTypeText } from '../../../src/models/graph/value-types.js';
import { denseModel } from '../../support/dense-model.js';

const REAL = fileURLToPath(new URL('../../../../shared/data/onnx', import.meta.url));
const realFiles = existsSync(REAL)
  ? readdirSync(REAL, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.onnx'))
  : [];

/** A field of length-delimited bytes, its number above what this project's messages know. */
function unknownField(bytes: Uint8Array): Uint8Array {
  const number = 900;
  const tag = (number << 3) | 2;
  return Uint8Array.from([(tag & 0x7f) | 0x80, tag >> 7, bytes.length, ...bytes]);
}

test('what is read and written back is read as the same again, its weights as views of the file', () => {
  const bytes = denseModel(8, 4);
  const model = readOnnx(bytes);
  expect(readOnnx(writeOnnx(model))).toEqual(model);
  const [weights] = model.graph.initializer;
  expect(weights?.rawData.buffer).toBe(bytes.buffer);
  expect(weights?.dims).toEqual([8n, 4n]);
});

test('fields that nobody here knows survive, wherever a newer exporter wrote them', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (content) => {
      const field = unknownField(content);
      const written = writeOnnx(readOnnx(Buffer.concat([denseModel(4, 2), field])));
      expect(Buffer.from(written).includes(Buffer.from(field))).toBe(true);
    }),
  );
});

test('any bytes are read as a model or refused in words', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 200 }), (bytes) => {
      try {
        expect(readOnnx(bytes).graph).toBeDefined();
      } catch (error) {
        expect(error).toBeInstanceOf(Fault);
      }
    }),
    { numRuns: 2000 },
  );
});

test('a file that was cut off is refused', () => {
  const bytes = denseModel(8, 4);
  expect(() => readOnnx(bytes.subarray(0, bytes.length - 7))).toThrow(/end early/);
});

test('a file above 2 GB is refused with the way out', () => {
  expect(tooLarge(2 ** 31 - 1)).toBeUndefined();
  expect(tooLarge(2 ** 31)).toMatch(/^has 2147483648 bytes, expected at most 2147483647 .*external data/);
});

test('inputs and outputs are told as people write them', () => {
  const { graph } = readOnnx(denseModel(8, 4));
  expect(graphInputs(graph).map(({ type }) => valueTypeText(type))).toEqual(['float32 [N, 8]']);
  expect(graphOutputs(graph).map(({ name }) => name)).toEqual(['anomaly_score', 'contributions']);
});

describe.skipIf(realFiles.length === 0)('files of real exporters', () => {
  test.each(realFiles)('%s is read, and read as the same after it was written', (file) => {
    const model = readOnnx(readFileSync(join(REAL, file)));
    expect(readOnnx(writeOnnx(model))).toEqual(model);
  });

  test('outputs that are no tensors are told as such', () => {
    const { graph } = readOnnx(readFileSync(join(REAL, 'zipmap-logreg-iris.onnx')));
    expect(graphOutputs(graph).map(({ type }) => valueTypeText(type))).toEqual([
      expect.stringMatching(/^int64/),
      'sequence of map from int64 to float32',
    ]);
  });
});
