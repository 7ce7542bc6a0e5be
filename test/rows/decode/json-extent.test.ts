import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { extentOf } from '../../../src/rows/decode/json-extent.js';

const bytesOf = (text: string) => Buffer.from(text);

/** What the extent of a JSON value must be, counted on the value. */
function countedOn(value: unknown): { values: number; depth: number } {
  if (typeof value !== 'object' || value === null) return { values: 0, depth: 0 };
  const inner = Object.values(value).map(countedOn);
  const separators = Math.max(0, inner.length - 1);
  const names = Array.isArray(value) ? 0 : inner.length;
  return {
    values: 1 + separators + names + inner.reduce((sum, { values }) => sum + values, 0),
    depth: 1 + Math.max(0, ...inner.map(({ depth }) => depth)),
  };
}

describe('the extent of a JSON text', () => {
  it('is that of the value, whatever its strings hold and however it is spaced', () => {
    fc.assert(
      fc.property(fc.json({ depthSize: 'medium' }), fc.constantFrom(undefined, 2, '\t'), (json, space) => {
        const value: unknown = JSON.parse(json);
        const bytes = bytesOf(JSON.stringify(value, null, space));
        const { values, depth } = countedOn(value);
        const elements = Array.isArray(value) ? value.length : 0;
        expect(extentOf(bytes, depth)).toEqual({ elements, values: values + 1, tooDeepAt: undefined });
        if (depth > 0) expect(extentOf(bytes, depth - 1).tooDeepAt).toBeTypeOf('number');
      }),
    );
  });

  it('names the byte at which it becomes too deep', () => {
    expect(extentOf(bytesOf(`  ${'['.repeat(9)}`), 8).tooDeepAt).toBe(10);
    expect(extentOf(bytesOf('["[[[[[[[[[[", "\\"[[[[[[[["]'), 1).tooDeepAt).toBeUndefined();
  });

  it('of any bytes is found without a fault', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(extentOf(bytes, 3).values).toBeGreaterThanOrEqual(1);
      }),
    );
  });
});
