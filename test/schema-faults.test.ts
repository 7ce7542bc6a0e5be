import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { schemaProblems } from '../src/schema-faults.js';

const Schema = z.strictObject({
  share: z.number().gt(0).lt(1).optional(),
  count: z.int().min(1).max(9).optional(),
  name: z.string().min(1).max(3).optional(),
  by: z.enum(['lot', 'wafer']).optional(),
  on: z.boolean().optional(),
  weights: z.record(z.string(), z.number().min(0)).optional(),
  steps: z.array(z.number()).min(1).optional(),
  of: z.union([z.number(), z.array(z.object({ id: z.string() }))]).optional(),
  told: z.string({ error: 'expected a name' }).optional(),
  whole: z.string({ error: 'expected a name, found none' }).optional(),
});

function problemsOf(value: unknown): readonly string[] {
  const parsed = Schema.safeParse(value);
  return parsed.success ? [] : schemaProblems(value, parsed.error.issues);
}

describe('what a schema has against a value names the thing, what is expected and what was found', () => {
  test.each([
    [[1], 'the whole: expected an object, found an array of 1'],
    [undefined, 'the whole: expected an object, found nothing'],
    [{ share: 1 }, 'share: expected a number below 1, found 1'],
    [{ share: 0 }, 'share: expected a number above 0, found 0'],
    [{ count: 1.5 }, 'count: expected a whole number, found 1.5'],
    [{ count: 10 }, 'count: expected a number of at most 9, found 10'],
    [{ name: '' }, 'name: expected a string of at least 1 character, found an empty string'],
    [{ name: 'abcd' }, 'name: expected a string of at most 3 characters, found the string "abcd"'],
    [{ by: 'die' }, 'by: expected "lot" or "wafer", found the string "die"'],
    [{ on: 'yes' }, 'on: expected true or false, found the string "yes"'],
    [{ weights: { a: -1 } }, 'weights.a: expected a number of at least 0, found -1'],
    [{ weights: [] }, 'weights: expected an object, found an array of 0'],
    [{ steps: [] }, 'steps: expected an array of at least 1, found an array of 0'],
    [{ steps: [1, null] }, 'steps.1: expected a number, found null'],
    [{ other: 1 }, 'the whole: unknown key "other"'],
    [{ told: 5 }, 'told: expected a name, found 5'],
    [{ whole: 5 }, 'whole: expected a name, found none'],
  ])('%j: %s', (value, problem) => {
    expect(problemsOf(value)).toEqual([problem]);
  });

  test('of a choice it is the one that was meant: a place within it, else all of them', () => {
    expect(problemsOf({ of: [{ id: 'a' }, { id: 7 }] })).toEqual(['of.1.id: expected a string, found 7']);
    expect(problemsOf({ of: 'x' })).toEqual(['of: expected a number or an array, found the string "x"']);
  });
});
