import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  findData,
  type JsonPart,
  readJsonPart,
  readPlainly,
  scanData,
} from '../../../../src/doors/http/oip/json-part.js';
import { Refusal } from '../../../../src/errors.js';

const CONTRACTS = [false, true].map((acceptsMissing) => ({ columns: 3, acceptsMissing }));

/** How the values of so many dies are read. */
const tensorOf = (dies: number, contract: (typeof CONTRACTS)[0]) => ({
  ...contract,
  index: 0,
  dies,
  shapes: [[dies, contract.columns]],
});

/** What a way of reading says of a body: the head without the values and the bits of these, or the refusal. */
function verdict(
  read: (bytes: Buffer) => JsonPart,
  text: string,
  dies: number,
  contract: (typeof CONTRACTS)[0],
) {
  try {
    const { head, values } = read(Buffer.from(text));
    const bits = Buffer.from(values(tensorOf(dies, contract)).buffer).toString('hex');
    return { head: { ...head, inputs: head.inputs.map(({ data: _, ...rest }) => rest) }, bits };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { code: error.code, message: error.message, faults: error.faults, total: error.totalFaults };
  }
}

function expectSame(text: string, dies = 2): void {
  for (const contract of CONTRACTS) {
    expect(verdict(readJsonPart, text, dies, contract)).toEqual(verdict(readPlainly, text, dies, contract));
  }
}

const body = (data: string, rest = '') =>
  `{"id":"q","inputs":[{"name":"t","shape":[2,3],"datatype":"FP32","data":${data}${rest}}]}`;

describe('the values of an ordinary request are scanned, not parsed', () => {
  test.each([
    ['[1,2,3,4,5,6]'],
    ['[1.5,-2e-3,3E+2,0.1,-0,6]'],
    ['[[1,2,3],[4,5,6]]'],
    [' [ 1 , 2,3,\n4,5,6 ] '],
    ['[ [1,2,3] , [ 4,5,6 ] ]'],
  ])('%s', (data) => {
    const bytes = Buffer.from(body(data));
    const span = findData(bytes) ?? expect.fail('the array was not found');
    expect(bytes.toString('utf8', span.from, span.to)).toBe(data.trim());
    expect([...(scanData(bytes, span, tensorOf(2, CONTRACTS[0])) ?? [])]).toEqual(
      JSON.parse(data).flat().map(Math.fround),
    );
    expectSame(body(data));
  });
});

describe('scanned or parsed, the verdict is the same', () => {
  test.each([
    ['null where it is a value and where it is none', body('[1,null,3,4,5,6]')],
    ['too few', body('[1,2,3]')],
    ['too many', body('[1,2,3,4,5,6,7]')],
    ['an empty array', body('[]')],
    ['ragged rows', body('[[1,2],[3,4,5,6]]')],
    ['too many rows', body('[[1,2,3],[4,5,6],[7,8,9]]')],
    ['rows and values', body('[[1,2,3],4,5,6]')],
    ['values and rows', body('[4,5,6,[1,2,3]]')],
    ['deeper arrays', body('[[[1,2,3]],[[4,5,6]]]')],
    ['text', body('[1,"]",3,4,5,6]')],
    ['text for the array', body('"[1,2,3,4,5,6]"')],
    ['a number beyond float32', body('[1,2,1e39,4,5,6]')],
    ['a leading zero', body('[01,2,3,4,5,6]')],
    ['a missing bracket', body('[1,2,3,4,5,6')],
    ['a missing comma', body('[1,2,3 4,5,6]')],
    ['a comma too many', body('[1,2,3,4,5,6,]')],
    ['the key twice, the last one counts', body('[1,2,3,4,5,6]', ',"data":[6,5,4,3,2,1]')],
    ['the key elsewhere first', `{"data":[9,9,9,9,9,9],${body('[1,2,3,4,5,6]').slice(1)}`],
    [
      'the key only elsewhere',
      `{"data":[1,2,3,4,5,6],"inputs":[{"name":"t","shape":[2,3],"datatype":"FP32"}]}`,
    ],
    ['the key in a text', body('[1,2,3,4,5,6]').replace('"q"', JSON.stringify('"data":[1]'))],
    ['a key that ends so', body('[1,2,3,4,5,6]').replace('"id"', '"\\"data":[1,2,3,4,5,6],"id"')],
    [
      'the stand-in sent by the caller',
      `{"data":[1,2,3,4,5,6],${body('"(the values of the input)"').slice(1)}`,
    ],
    ['a fault in the head', body('[1,2,3,4,5,6]').replace('FP32', 'FP7')],
    ['a body that ends in the array', '{"inputs":[{"data":[1,2'],
    ['a key at the end', '{"inputs":[{"data"'],
  ])('%s', (_, text) => {
    expectSame(text);
  });

  const spaces = fc.constantFrom('', ' ', '\n', '\t ');
  const number = fc.oneof(
    fc.double({ noNaN: true }).map((value) => JSON.stringify(value)),
    fc.constantFrom(
      '0',
      '-0',
      '1e-46',
      '3.4028235e38',
      '3.4028236e38',
      '1E5',
      '-1.5e+3',
      'null',
      '"x"',
      '00',
      '-',
      '{}',
    ),
  );
  const row = fc.array(
    fc.tuple(spaces, number, spaces).map((part) => part.join('')),
    { minLength: 2, maxLength: 4 },
  );
  const flat = fc.array(number, { minLength: 5, maxLength: 7 }).map((values) => `[${values.join(',')}]`);
  const nested = fc
    .array(row, { minLength: 1, maxLength: 3 })
    .map((rows) => `[${rows.map((values) => `[${values.join(',')}]`).join(' , ')}]`);

  test('for any values, flat or nested', () => {
    fc.assert(
      fc.property(fc.oneof(flat, nested, fc.json()), (data) => expectSame(body(data))),
      { numRuns: 400 },
    );
  });

  test('for a body that is cut off or changed anywhere', () => {
    const whole = body('[[1.25,-2e-3,null],[4,5.5,6]]', ',"parameters":{"data":[7]}');
    const change = fc.tuple(fc.nat(whole.length - 1), fc.constantFrom(...'[]{},:"-.e 0123456789data\\'));
    fc.assert(
      fc.property(
        fc.array(change, { maxLength: 3 }),
        fc.nat(whole.length),
        fc.boolean(),
        (changes, length, cut) => {
          const letters = [...whole];
          for (const [at, letter] of changes) letters[at] = letter;
          expectSame(letters.join('').slice(0, cut ? length : undefined));
        },
      ),
      { numRuns: 800 },
    );
  });
});
