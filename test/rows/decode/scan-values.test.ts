import { describe, expect, it } from 'vitest';
import { DECLINED, scanValues } from '../../../src/rows/decode/scan-values.js';
import { bitsOf, Dice } from './harness.js';

// The edges of the kernel's vectors, of its window and of its memory. What numbers are worth is proven in
// numbers.differential.test.ts.

/** What the rows hold before a scan; no value here. */
const UNTOUCHED = -77;
const WINDOW = 32_768;

function scan(text: string, count: number, acceptsMissing = false): Float32Array | undefined {
  const rows = new Float32Array(count).fill(UNTOUCHED);
  // Digits and brackets around it, which are no part of it.
  const bytes = Buffer.from(`[9${text}]9,9]`, 'latin1');
  const end = scanValues(bytes, 2, { rows, count, acceptsMissing }, 0);
  if (end === DECLINED) return undefined;
  expect(end).toBe(3 + text.length);
  return rows;
}

/** What JSON.parse makes of it; undefined unless it is `count` numbers that float32 holds. */
function parse(text: string, count: number): Float32Array | undefined {
  let values: unknown;
  try {
    values = JSON.parse(`[${text}]`);
  } catch {
    return undefined;
  }
  if (!Array.isArray(values) || values.length !== count) return undefined;
  const rows = Float32Array.from(values);
  return values.every((value) => typeof value === 'number') && rows.every(Number.isFinite) ? rows : undefined;
}

function assertSame(text: string, count: number): void {
  const [found, wanted] = [scan(text, count), parse(text, count)];
  const same =
    found && wanted ? bitsOf(found).every((bits, i) => bits === bitsOf(wanted)[i]) : found === wanted;
  if (!same) expect(found, text).toEqual(wanted);
}

/** Numbers of so many characters: with a point at each place, and without one. */
function numbersOf(dice: Dice, length: number): string[] {
  const whole = `${dice.whole(1, 9)}${dice.digits(length - 1)}`.slice(0, length);
  const pointed = Array.from({ length: Math.max(0, length - 2) }, (_, i) => {
    const digits = (i === 0 && dice.chance(0.5) ? '0' : whole[0]) + dice.digits(length);
    return `${digits.slice(0, i + 1)}.${digits.slice(i + 1, length - 1)}`;
  });
  return length > 38 ? pointed : [whole, ...pointed];
}

describe('numbers of every length, with the point anywhere in them', () => {
  it.each(Array.from({ length: 40 }, (_, i) => i + 1))('%i characters, wherever they lie', (length) => {
    const dice = new Dice(length);
    for (const number of numbersOf(dice, length)) {
      for (const text of [number, `-${number}`]) {
        // One more digit before it moves it by one byte.
        const texts = Array.from({ length: 17 }, (_, shift) => ['1'.repeat(shift + 1), text]).flat();
        const found = scan(texts.join(','), texts.length);
        if (found === undefined) throw new Error(`declined ${text}`);
        expect(bitsOf(found), text).toEqual(bitsOf(Float32Array.from(texts, Number)));
      }
    }
  });
});

describe('a byte that is wrong, anywhere in a number of any length, is what it is to JSON.parse:', () => {
  const numbers = [
    '7',
    '-7',
    '0',
    '-0',
    '10',
    '1.5',
    '-0.25',
    '12.345678',
    '-1.23456789',
    '1234567.89012345',
  ];
  const long = ['0.12345678901234', '-0.1234567890123456', '12.345678901234567', '-1234.56789012345678901'];
  const rare = [
    '1e5',
    '-1.25E-10',
    '1.2345678901234567e+15',
    '0.000000000000000000000000001234',
    '12 ',
    ' 1 ',
  ];
  it.each([...numbers, ...long, ...rare])('%j', (number) => {
    for (let at = 0; at <= number.length; at++) {
      for (let byte = 0; byte < 256; byte++) {
        const [before, sign] = [number.slice(0, at), String.fromCharCode(byte)];
        if (sign === ']') continue;
        assertSame(`${before}${sign}${number.slice(at + 1)},8`, 2);
        assertSame(`8,${before}${sign}${number.slice(at)}`, 2);
      }
    }
  });

  it.each([...numbers, ...long, ...rare])('%j, and no comma behind it', (number) => {
    for (let byte = 0; byte < 256; byte++) {
      const sign = String.fromCharCode(byte);
      if (sign === ']') continue;
      assertSame(`${number}${sign}8`, 2);
      assertSame(`${number} ${sign}8`, 2);
      assertSame(`${number}${sign},8`, 2);
    }
  });

  it.each([
    '',
    ' ',
    '-',
    '+1',
    '--1',
    '.',
    '.5',
    '1.',
    '-.5',
    '1.e5',
    '01',
    '-01',
    '00',
    '00.5',
    '1e',
    '1e+',
    'e5',
  ])('%j', (text) => {
    for (const around of ['', ' ', '1234567890', '1234567890123456789', '0.12345678901234567']) {
      assertSame(text, 1);
      assertSame(`${text},${around}`, 2);
      assertSame(`${around},${text}`, 2);
      assertSame(`${around}${text},1`, 2);
      assertSame(`1,${text}${around}`, 2);
    }
  });
});

describe('what earlier bodies left in memory is no part of a value:', () => {
  const before = '0.12345678901234567,'.repeat(40);

  it('an array that is cut off anywhere', () => {
    const whole = '-1.5,0.12345678901234567,12.25,1.2345678901234567e-5,-123456.789,3';
    for (let length = 0; length <= whole.length; length++) {
      const text = whole.slice(0, length);
      for (let count = 1; count <= 7; count++) {
        expect(scan(`${before}1`, 41)).toBeDefined();
        assertSame(text, count);
      }
    }
  });

  it('a row of which fewer values are given than wanted', () => {
    expect(scan('5,5,5,5', 4)).toEqual(Float32Array.of(5, 5, 5, 5));
    expect(scan('1,2', 4)).toBeUndefined();
    expect(scan('1,2,3,4,5', 4)).toBeUndefined();
    expect(scan('', 4)).toBeUndefined();
  });

  it('null, where it is a value', () => {
    expect(scan('1,null, null ,2', 4, true)).toEqual(Float32Array.of(1, Number.NaN, Number.NaN, 2));
    for (const text of ['nul', 'nulL', 'nulll', '-null', 'null5', 'nu ll']) {
      expect(scan(`${before}null`, 41, true)).toBeDefined();
      expect(scan(text, 1, true), text).toBeUndefined();
      expect(scan(`${text},1`, 2, true), text).toBeUndefined();
    }
    expect(scan('null', 1)).toBeUndefined();
  });
});

describe('text that is longer than the window', () => {
  it('is read piece by piece, wherever the pieces end', () => {
    const dice = new Dice(3);
    const numbers = Array.from({ length: 9_000 }, () =>
      dice.chance(0.3) ? String(dice.fraction() - 0.5) : (dice.fraction() * 100).toFixed(dice.whole(0, 6)),
    );
    // The first number moves the others; one of 39 digits is no float32 any more.
    for (let shift = 1; shift <= 38; shift++) {
      const texts = ['1'.repeat(shift), ...numbers];
      const text = texts.join(shift % 2 === 0 ? ',' : ' , ');
      expect(text.length).toBeGreaterThan(2 * WINDOW);
      const found = scan(text, texts.length);
      if (found === undefined) throw new Error(`declined with ${shift}`);
      expect(
        Buffer.compare(Buffer.from(found.buffer), Buffer.from(Float32Array.from(texts, Number).buffer)),
      ).toBe(0);
      expect(scan(text, texts.length - 1)).toBeUndefined();
      expect(scan(text, texts.length + 1)).toBeUndefined();
    }
  });

  it.each([WINDOW - 2, WINDOW - 1, WINDOW, WINDOW + 1, WINDOW + 2])(
    'as many values as %i bytes hold',
    (length) => {
      const texts = Array.from({ length: Math.ceil(length / 2) }, (_, i) => String(i % 10));
      const text = texts.join(',').padEnd(length, ' ');
      expect(scan(text, texts.length)).toEqual(Float32Array.from(texts, Number));
      expect(scan(`${text},`, texts.length)).toBeUndefined();
      expect(scan(`${text},x`, texts.length + 1)).toBeUndefined();
    },
  );

  it('one number of that length is left to the plain path', () => {
    expect(scan(`0.${'7'.repeat(WINDOW - 3)},1`, 2)).toEqual(Float32Array.of(7 / 9, 1));
    expect(scan(`0.${'7'.repeat(WINDOW)},1`, 2)).toBeUndefined();
    expect(scan(`1,0.${'7'.repeat(WINDOW)}`, 2)).toBeUndefined();
    expect(scan(`1,${' '.repeat(WINDOW)}2`, 2)).toBeUndefined();
  });
});

it('an array that does not end is declined', () => {
  const bytes = Buffer.from('[1,2');
  expect(scanValues(bytes, 1, { rows: new Float32Array(2), count: 2, acceptsMissing: false }, 0)).toBe(
    DECLINED,
  );
});
