import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { dieKeyOf, dieKeyText, namesDie, parseDieKey } from '../../src/records/die-key.js';

const key = (changes = {}) => ({
  lot: 'L1',
  wafer: 'W7',
  x: 12,
  y: -3,
  insertion: 'cp1',
  touchdown: 2,
  ...changes,
});

describe('the key of a die', () => {
  test('is where it is on its wafer', () => {
    const label = { die_id: 'd', lot_id: 'L1', wafer_id: 'W7', x: 12, y: -3, insertion: 'cp1', touchdown: 2 };
    expect(dieKeyOf(label)).toEqual(key());
  });

  test.each([{ wafer_id: null }, { x: undefined }, { y: null }])('is unknown without %o', (missing) => {
    expect(dieKeyOf({ wafer_id: 'W7', x: 1, y: 2, ...missing })).toBeUndefined();
  });

  test('as text leaves out at the end what is not said', () => {
    expect(dieKeyText(key())).toBe('L1/W7/12/-3/cp1/2');
    expect(dieKeyText(key({ touchdown: undefined }))).toBe('L1/W7/12/-3/cp1');
    expect(dieKeyText(key({ insertion: undefined, touchdown: undefined }))).toBe('L1/W7/12/-3');
    expect(dieKeyText(key({ lot: undefined, insertion: undefined }))).toBe('/W7/12/-3//2');
  });

  test('is read from its text, whatever its names hold', () => {
    const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 });
    const place = fc.integer({ min: -32767, max: 32767 });
    const keys = fc.record({
      lot: fc.option(name, { nil: undefined }),
      wafer: name,
      x: place,
      y: place,
      insertion: fc.option(name, { nil: undefined }),
      touchdown: fc.option(fc.nat({ max: 999_999_999 }), { nil: undefined }),
    });
    fc.assert(
      fc.property(keys, (one) => {
        expect(parseDieKey(dieKeyText(one))).toEqual(one);
      }),
    );
  });

  test.each(['wafer123_die456', 'L/W/1', 'L//1/2', 'L/W/a/2', 'L/%zz/1/2'])('is none in "%s"', (text) => {
    expect(parseDieKey(text)).toBeUndefined();
  });

  test('names every die that it does not tell apart', () => {
    expect(namesDie(key({ lot: undefined, insertion: undefined, touchdown: undefined }), key())).toBe(true);
    for (const other of [{ lot: 'L2' }, { wafer: 'W8' }, { x: 1 }, { insertion: 'hot' }, { touchdown: 3 }])
      expect(namesDie(key(), key(other))).toBe(false);
  });
});
