import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readPrintfFormat } from '../../src/lots/printf-format.js';
import { shownFormOf, shownNumbers, shownValue } from '../../src/lots/shown-value.js';
import type { Display } from '../../src/stdf/limits-and-display.js';

function display(
  units: string,
  resultScale: number,
  resultFormat = '',
  rest: Partial<Display> = {},
): Display {
  return { units, resultScale, resultFormat, loScale: 0, hiScale: 0, loFormat: '', hiFormat: '', ...rest };
}
const shown = (value: number, ...of: Parameters<typeof display>) =>
  shownValue(value, shownFormOf(display(...of)));

describe('a value as the tester shows it', () => {
  test.each([
    ['an ampere in small letters, in microamperes', 0.00001887, display('a', 6, '%5.0f ua'), '18.87 uA'],
    ['RES_SCAL without a format', 0.0012, display('A', 3), '1.2 mA'],
    ['the digits of the format where they are more', 0.0012, display('A', 3, '%9.3f'), '1.200 mA'],
    ['percent', 0.9822, display('%', 2, '%6.2f %%'), '98.22 %'],
    ['hertz in kilohertz', 12_480, display('hz', -3, '%8.1f Khz'), '12.48 kHz'],
    ['a unit of the format that is no prefix of UNITS', 3, display('', 0, '%4.1f LSB'), '3.0 LSB'],
    ['a format that forgets the prefix', 0.5, display('V', 3, '%5.1f V'), '500.0 mV'],
    ['a program that stores millivolts and scales nothing', 12.5, display('mV', 0), '12.5 mV'],
    ['a program that stores millivolts and still says 3', 12.5, display('mV', 3), '12.5 mV'],
    ['a scale that is no prefix', 12.5, display('V', 5), '12.5 V'],
    ['limits that alone are scaled', 0.001, display('A', 0, '', { hiScale: 3 }), '1 mA'],
    ['no unit', 17, display('', 0), '17'],
    ['what is far too small for its unit', 1.5e-12, display('A', 0), '1.5e-12 A'],
  ])('%s', (_, value, of, expected) => {
    expect(shownValue(value, shownFormOf(of))).toBe(expected);
  });

  test('a UTF-8 unit keeps its letters', () => {
    expect(shown(3e-6, '\u00b5A', 0)).toBe('0.000003 \u00b5A');
  });

  test('values beside each other have as many digits as tell them apart, and no more than four otherwise', () => {
    const form = shownFormOf(display('Hz', -6));
    expect(shownNumbers([100_000_120, 100_000_100, 100_000_300], form)).toEqual([
      '100.00012',
      '100.0001',
      '100.0003',
    ]);
    expect(shownNumbers([1_234_567, undefined, 2_000_000], form)).toEqual(['1.235', undefined, '2']);
  });

  test('any two float32 that differ are shown differently', () => {
    const float = fc.float({ noNaN: true, min: -(2 ** 100), max: 2 ** 100 });
    const form = shownFormOf(display('A', 6, '%.1f uA'));
    fc.assert(
      fc.property(float, float, (a, b) => {
        const [x, y] = shownNumbers([a, b], form);
        expect(x === y).toBe(Math.fround(a * 1e6) === Math.fround(b * 1e6));
      }),
    );
  });
});

describe('a printf format is untrusted', () => {
  test.each([
    '%s',
    '%n',
    '%*f',
    '%f %f',
    '%',
    'x',
    '%1000000f',
    `%f${'x'.repeat(80)}`,
    '%99999999.99999999f',
  ])('%s is none', (format) => {
    expect(readPrintfFormat(format)).toBeUndefined();
  });

  test.each([
    ['%-+8.3lf mA', { decimals: 3, suffix: 'mA' }],
    ['%.f', { decimals: 0, suffix: '' }],
    ['%.200f', { decimals: 9, suffix: '' }],
    ['%e V', { decimals: undefined, suffix: 'V' }],
    ['I=%6.2f%%', { decimals: 2, suffix: '%' }],
  ])('%s is read', (format, expected) => {
    expect(readPrintfFormat(format)).toEqual(expected);
  });

  test('whatever it says, its text is one printable line of bounded length', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        fc.string({ unit: 'binary' }),
        fc.integer(),
        (units, tail, scale) => {
          const { unit } = shownFormOf(display(units, scale, `%f${tail}`));
          expect(unit.length).toBeLessThanOrEqual(24);
          expect(unit).not.toMatch(/[\p{Cc}\u202e]/u);
        },
      ),
    );
  });
});
