import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeDie } from '../../../src/rows/decode/json.js';
import { CountedRows, outcomeOf, refusalOf } from './harness.js';

const twins = {
  parameterCount: 3,
  acceptsMissing: false,
  parameters: [
    { name: 'twin', testNumber: 1 },
    { name: 'twin', testNumber: 2 },
    { name: 'other', testNumber: 2 },
  ],
};
const decode = (test_params: unknown, contract: Parameters<typeof decodeDie>[1]) =>
  decodeDie(Buffer.from(JSON.stringify({ die_id: 'd', test_params })), contract, new CountedRows(contract));

describe('values by key', () => {
  test('of any names, in any order, are those of the array', () => {
    const names = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(
        names,
        fc.infiniteStream(fc.float({ noNaN: true, noDefaultInfinity: true })),
        (keys, stream) => {
          const contract = {
            parameterCount: keys.length,
            acceptsMissing: false,
            parameters: keys.map((name) => ({ name })),
          };
          const values = keys.map(() => stream.next().value ?? 0);
          const byKey = Object.fromEntries(
            keys.map((key, i): [string, number] => [key, values[i] ?? 0]).reverse(),
          );
          expect(outcomeOf(() => decode(byKey, contract))).toEqual(outcomeOf(() => decode(values, contract)));
        },
      ),
    );
  });

  test('a name or number that several parameters have is refused, and what only one has is taken', () => {
    expect(refusalOf(() => decode({ twin: 1, 1: 1, other: 1 }, twins)).faults?.[0]).toEqual({
      path: 'test_params.twin',
      message: 'expected a name or test number that only one parameter has, found the string "twin"',
    });
    expect(refusalOf(() => decode({ 1: 1, 2: 1, other: 1 }, twins)).faults?.[0]?.path).toBe('test_params.2');
  });

  test('names of every object are names of parameters only where the model has them', () => {
    const contract = { parameterCount: 1, acceptsMissing: false, parameters: [{ name: '__proto__' }] };
    const body = '{"die_id":"d","test_params":{"__proto__":3}}';
    expect([...decodeDie(Buffer.from(body), contract, new CountedRows(contract)).params]).toEqual([3]);
    expect(refusalOf(() => decode({ constructor: 1, toString: 1 }, contract)).totalFaults).toBe(3);
  });
});
