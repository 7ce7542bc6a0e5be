import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { answerWriter } from '../../../src/doors/http/write-answer.js';

const written = (schema: z.ZodType, answer: unknown): unknown => JSON.parse(answerWriter(schema)(answer));

describe('an answer', () => {
  test('has what its schema names, at any depth, in its order, and nothing else', () => {
    const schema = z.object({
      name: z.string(),
      versions: z.array(z.object({ version: z.string(), reason: z.string().optional() })),
      by_name: z.record(z.string(), z.object({ dies: z.int() })),
      none: z.object({ a: z.number() }).nullable(),
    });
    const answer = {
      none: null,
      secret: 1,
      by_name: { a: { dies: 2, secret: 1 } },
      versions: [{ version: '1', reason: undefined, secret: 1 }],
      name: 'm',
    };
    expect(answerWriter(schema)(answer)).toBe(
      '{"name":"m","versions":[{"version":"1"}],"by_name":{"a":{"dies":2}},"none":null}',
    );
  });

  test('has whole numbers where its schema says so', () => {
    const schema = z.object({ ns: z.int(), ms: z.number(), sizes: z.array(z.int()) });
    expect(written(schema, { ns: 1234.9, ms: 1.25, sizes: [1.5, 2] })).toEqual({
      ns: 1234,
      ms: 1.25,
      sizes: [1, 2],
    });
  });

  test('has the default of what is left out, and cannot leave out anything else', () => {
    const schema = z.object({ by: z.enum(['wafer', 'lot']).default('wafer'), model: z.string() });
    expect(written(schema, { model: 'm' })).toEqual({ by: 'wafer', model: 'm' });
    expect(() => written(schema, { by: 'lot' })).toThrow('the answer has no "model"');
  });

  test('is written by the option that it is', () => {
    const schema = z.object({
      load: z.union([z.enum(['all']), z.strictObject({ latest: z.number() }), z.array(z.string())]),
      value: z.union([z.number(), z.string(), z.null()]),
    });
    for (const load of ['all', { latest: 2 }, ['1', '2']])
      expect(written(schema, { load, value: null })).toEqual({ load, value: null });
    expect(() => written(schema, { load: 3, value: 1 })).toThrow('a value that its schema does not name');
  });

  test('is refused a schema that does not say what is in it, when the route is made', () => {
    for (const schema of [z.any(), z.object({ a: z.unknown() }), z.string().transform(Number)])
      expect(() => answerWriter(schema)).toThrow('no answer can be written');
  });
});
