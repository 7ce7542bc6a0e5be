import { describe, expect, it } from 'vitest';
import { decodeDie, decodeDies } from '../../../src/rows/decode/json.js';
import { bitsOf, CountedRows, contractOf, defined, refusalOf } from './harness.js';

const contract = contractOf(512);
const values = Array.from({ length: 512 }, (_, i) => i / 7);

function die(params: unknown, extra: object = {}): Buffer {
  return Buffer.from(JSON.stringify({ die_id: 'wafer123_die456', test_params: params, ...extra }));
}

/** A die of 512 values of which the one at 17 is this text. */
function dieWith(text: string): Buffer {
  const texts = values.map(String);
  texts[17] = text;
  return Buffer.from(`{"die_id":"d","test_params":[${texts.join(',')}]}`);
}

function decode(body: Buffer, of = contract) {
  return decodeDie(body, of, new CountedRows(of));
}

function faultsOf(body: Buffer, of = contract) {
  const { status, faults, totalFaults } = refusalOf(() => decode(body, of));
  return { status, faults, totalFaults };
}

function refused(path: string, message: string) {
  return { status: 422, faults: [{ path, message }], totalFaults: 1 };
}

describe('a die', () => {
  it('becomes its label and one row of float32', () => {
    const { labels, params } = decode(die(values, { lot_id: 'L1', x: 3, y: -4, comment: 'ignored' }));
    expect(labels.map(defined)).toEqual([{ die_id: 'wafer123_die456', lot_id: 'L1', x: 3, y: -4 }]);
    expect(params).toEqual(Float32Array.from(values));
  });

  it('may have an id of 128 characters, of any script, with escapes', () => {
    for (const die_id of ['d'.repeat(128), '晶圆'.repeat(64), '😀'.repeat(128), 'a"b\\c\n']) {
      expect(decode(die(values, { die_id })).labels[0].die_id).toBe(die_id);
    }
  });

  it.each([
    ['-0', 0x80000000],
    ['1e-46', 0],
    ['-1e-46', 0x80000000],
    ['0.333333333333333333333333333333', 0x3eaaaaab],
    ['3.4028235e38', 0x7f7fffff],
  ])('may hold %s', (text, bits) => {
    expect(bitsOf(decode(dieWith(text)).params)[17]).toBe(bits);
  });

  it('has NaN where a value is missing, if the model accepts that', () => {
    const { params } = decode(dieWith('null'), contractOf(512, true));
    expect(params[17]).toBeNaN();
    expect(params[18]).toBe(Math.fround(18 / 7));
  });

  it('has the last of the values that one key is given', () => {
    const body = Buffer.from('{"die_id":"a","test_params":[9],"die_id":"b","test_params":[1.5]}');
    const { labels, params } = decode(body, contractOf(1));
    expect(labels[0].die_id).toBe('b');
    expect([...params]).toEqual([1.5]);
  });

  it('is not touched by a key that names the prototype', () => {
    const body = Buffer.from('{"__proto__":{"lot_id":"p","x":1},"die_id":"a","test_params":[1]}');
    const [label] = decode(body, contractOf(1)).labels;
    expect(defined(label)).toEqual({ die_id: 'a' });
    expect(Object.getPrototypeOf(label)).toBe(Object.prototype);
    expect('lot_id' in {}).toBe(false);
  });
});

describe('a die is refused, by path and with what was found and expected,', () => {
  it('with more values beside its parameters than any die has, however short they are', () => {
    const more = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, 1]));
    expect(decode(die(values, more(500))).labels).toHaveLength(1);
    for (const count of [20_000, 300_000]) {
      const { code, message } = refusalOf(() => decode(die(values, more(count))));
      expect([code, message]).toEqual(['invalid_input', expect.stringMatching(/JSON values for a die/)]);
    }
  });

  it.each([511, 513, 0])('with %i values', (count) => {
    expect(faultsOf(die(Array(count).fill(1)))).toEqual(
      refused('test_params', `expected exactly 512 test parameters, found ${count}`),
    );
  });

  it('with two values for the one that its model reads', () => {
    expect(faultsOf(die([1, 2]), contractOf(1))).toEqual(
      refused('test_params', 'expected exactly 1 test parameter, found 2'),
    );
  });

  it.each([
    ['"5"', 'expected a number, found the string "5"'],
    ['null', 'expected a number, found null'],
    ['[1]', 'expected a number, found an array of 1'],
    ['{}', 'expected a number, found an object'],
    ['true', 'expected a number, found true'],
    ['1e39', 'expected a number that float32 can hold (magnitude up to 3.4028234663852886e+38), found 1e+39'],
    [
      '-1e999',
      'expected a number that float32 can hold (magnitude up to 3.4028234663852886e+38), found -Infinity',
    ],
  ])('with the value %s', (text, message) => {
    expect(faultsOf(dieWith(text))).toEqual(refused('test_params[17]', message));
  });

  it.each([
    [{ test_params: { 0: 1 } }, 'test_params', 'expected an array of 512 numbers, found an object'],
    [{ test_params: undefined }, 'test_params', 'expected an array of 512 numbers, found nothing'],
    [{ die_id: undefined }, 'die_id', 'expected a string of 1 to 128 characters, found nothing'],
    [{ die_id: '' }, 'die_id', 'expected a string of 1 to 128 characters, found an empty string'],
    [{ die_id: 7 }, 'die_id', 'expected a string of 1 to 128 characters, found 7'],
    [
      { die_id: 'd'.repeat(200) },
      'die_id',
      'expected a string of 1 to 128 characters, found a string of length 200',
    ],
    [{ wafer_id: '' }, 'wafer_id', 'expected a string of 1 to 128 characters, found an empty string'],
    [{ x: 1.5 }, 'x', 'expected a whole number from -32767 to 32767, found 1.5'],
    [{ y: -32768 }, 'y', 'expected a whole number from -32767 to 32767, found -32768'],
    [{ y: '3' }, 'y', 'expected a whole number from -32767 to 32767, found the string "3"'],
  ])('with %j', (extra, path, message) => {
    expect(faultsOf(die(values, extra))).toEqual(refused(path, message));
  });

  it.each(['[]', '5', 'null', '"text"'])('when it is %s', (text) => {
    const { status, faults } = faultsOf(Buffer.from(text));
    expect(status).toBe(422);
    expect(faults).toEqual([
      {
        path: '',
        message: expect.stringMatching(/^expected a die, an object with die_id and test_params, found /),
      },
    ]);
  });

  it('with at most 20 faults listed, all counted, and the first in the detail', () => {
    const refusal = refusalOf(() => decode(die(Array(512).fill('x'))));
    expect(refusal.faults).toHaveLength(20);
    expect(refusal.totalFaults).toBe(512);
    expect(refusal.message).toBe('test_params[0]: expected a number, found the string "x" (and 511 more)');
  });

  it('and its rows are given back', () => {
    const rows = new CountedRows(contract);
    for (const body of [dieWith('null'), dieWith('1e39'), dieWith('01'), die([])]) {
      refusalOf(() => decodeDie(body, contract, rows));
    }
    expect(rows.taken).toBeGreaterThan(0);
    expect(rows.outstanding).toBe(0);
  });
});

describe('a body that is not JSON is refused with 400 and the place where it stops being JSON:', () => {
  it.each([
    ['', 'the body is empty, expected JSON'],
    ['{"die_id":"d","test_params":[1,2', "the body ends after 32 bytes, expected ',' or ']'"],
    ['{"die_id":"d', `the body ends after 12 bytes, expected '"'`],
    ['{"die_id" "d"}', `found '"' at byte 10, expected ':'`],
    ['{"test_params":[01]}', "found '1' at byte 17, expected no digit behind a leading 0"],
    ['{"test_params":[-01]}', "found '1' at byte 18, expected no digit behind a leading 0"],
    ['{"test_params":[1.]}', "found ']' at byte 18, expected a digit"],
    ['{"test_params":[-Infinity]}', "found 'I' at byte 17, expected a digit"],
    ['{"test_params":[1e+]}', "found ']' at byte 19, expected a digit"],
    ['{"test_params":[NaN]}', "found 'N' at byte 16, expected a value"],
    ['{"test_params":[+1]}', "found '+' at byte 16, expected a value"],
    ['\ufeff{"test_params":[1.]}', "found ']' at byte 21, expected a digit"],
    ['{"test_params":[1,]}', "found ']' at byte 18, expected a value"],
    ['{"a":1} x', "found 'x' at byte 8, expected the end of the body"],
    ['{"a":1,}', "found '}' at byte 7, expected a key in double quotes"],
    ['{"a":"\t"}', 'found byte 0x09 at byte 6, expected an escape instead of a control character'],
    [' \ufeff{}', 'found byte 0xef at byte 1, expected a value'],
    ['\ufeff\ufeff{}', 'found byte 0xef at byte 3, expected a value'],
    ['die_id=d', "found 'd' at byte 0, expected a value"],
  ])('%j', (text, detail) => {
    const refusal = refusalOf(() => decode(Buffer.from(text)));
    expect([refusal.code, refusal.status, refusal.message]).toEqual(['invalid_json', 400, detail]);
  });

  it('a byte that no UTF-8 has, even in a key that nobody reads', () => {
    const body = Buffer.from('{"die_id":"d","test_params":[1],"note":"\xff"}', 'latin1');
    const refusal = refusalOf(() => decode(body, contractOf(1)));
    expect([refusal.status, refusal.message]).toEqual([400, 'the body is not UTF-8']);
  });

  it('gzip', () => {
    expect(refusalOf(() => decode(Buffer.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3))).status).toBe(400);
  });
});

describe('an array of dies', () => {
  const two = contractOf(2);
  const good = { die_id: 'd', test_params: [1, 2] };

  function decodeAll(dies: unknown, maxDies = 64) {
    return decodeDies(Buffer.from(JSON.stringify(dies)), two, maxDies, new CountedRows(two));
  }

  it('becomes labels and one buffer in the order sent', () => {
    const { labels, params } = decodeAll([good, { ...good, die_id: 'e{', test_params: [3, 4] }]);
    expect(labels.map(({ die_id }) => die_id)).toEqual(['d', 'e{']);
    expect([...params]).toEqual([1, 2, 3, 4]);
  });

  it('may be as large as the limit', () => {
    expect(decodeAll(Array(64).fill(good)).params).toHaveLength(128);
  });

  it('over the limit is refused with 413, naming count and limit', () => {
    const refusal = refusalOf(() => decodeAll(Array(65).fill(good)));
    expect([refusal.code, refusal.status]).toEqual(['batch_too_large', 413]);
    expect(refusal.message).toBe('found 65 dies, expected at most 64 in one call');
  });

  it.each([
    [[], '', 'expected at least 1 die, found 0'],
    [good, '', 'expected an array of dies, found an object'],
    [[good, 5], '[1]', 'expected a die, an object with die_id and test_params, found 5'],
    [
      [good, good, { ...good, test_params: [1] }],
      '[2].test_params',
      'expected exactly 2 test parameters, found 1',
    ],
    [[good, { ...good, test_params: [1, null] }], '[1].test_params[1]', 'expected a number, found null'],
    [
      [{ ...good, die_id: '' }],
      '[0].die_id',
      'expected a string of 1 to 128 characters, found an empty string',
    ],
  ])('with one bad die is refused whole, naming its index: %j', (dies, path, message) => {
    const { status, faults, totalFaults } = refusalOf(() => decodeAll(dies));
    expect({ status, faults, totalFaults }).toEqual(refused(path, message));
  });

  it('lists at most 20 faults and counts all of them, up to some thousands', () => {
    const bad = { die_id: 'd', test_params: ['x', 'x'] };
    const refusal = refusalOf(() => decodeAll(Array(64).fill(bad)));
    expect(refusal.faults).toHaveLength(20);
    expect(refusal.faults?.[19].path).toBe('[9].test_params[1]');
    expect(refusal.totalFaults).toBe(128);
    const hostile = refusalOf(() =>
      decodeAll(Array(64).fill({ die_id: 'd', test_params: Array(512).fill('x') })),
    );
    expect(hostile.faults).toHaveLength(20);
    expect(hostile.totalFaults).toBeLessThan(10_000);
  });
});
