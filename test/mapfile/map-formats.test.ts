import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type BinMap, NO_DIE, UNTESTED } from '../../src/mapfile/bin-map.js';
import { MAP_FORMATS, type MapFormatName } from '../../src/mapfile/map-formats.js';
import { arbitraryBinMap } from './bin-maps.js';

const WAFER: BinMap = {
  product: 'P1',
  lot: 'L <&> "7"',
  wafer: '03',
  rows: 2,
  columns: 3,
  bins: Int32Array.of(NO_DIE, 1, 16, 1, UNTESTED, NO_DIE),
  definitions: [
    { bin: 1, count: 2, quality: 'pass', description: 'good' },
    { bin: 16, count: 1, quality: 'fail', description: 'leak > 2 µA' },
  ],
  flat: 'down',
  reference: { column: 2, row: 1 },
  step: { x: 2.5, y: 3 },
  diameterMm: 200,
};

describe.each(['g85', 'e142'] as const)('%s', (name) => {
  const format = MAP_FORMATS[name];

  test('what is written is read back, whatever the texts, bins, flat and reference die', () => {
    fc.assert(
      fc.property(arbitraryBinMap(format.largestBin), (map) => {
        expect(format.read(format.write(map))).toEqual(map);
        expect(format.kept(map)).toBe(map);
      }),
    );
  });

  test('rows are the wafer as it is seen, from the upper left', () => {
    const text = format.write(WAFER);
    expect(format.read(text)).toEqual(WAFER);
    expect(text).toContain(name === 'g85' ? '255 001 016' : '<BinCode>FF0110</BinCode>');
    expect(text).toContain(name === 'g85' ? 'OriginLocation="2"' : 'OriginLocation="UpperLeft"');
  });

  test('a flat is counted clockwise from the bottom', () => {
    const degrees = (['down', 'left', 'up', 'right'] as const).map(
      (flat) => /Orientation="(\d+)"/.exec(format.write({ ...WAFER, flat }))?.[1],
    );
    expect(degrees).toEqual(['0', '90', '180', '270']);
  });

  test('a bin over 253 makes all codes four hexadecimal digits', () => {
    const bins = Int32Array.of(NO_DIE, 1, 254, 1, UNTESTED, NO_DIE);
    expect(format.write({ ...WAFER, bins })).toMatch(/BinType="Integer2" NullBin="FFFF"/);
    expect(format.read(format.write({ ...WAFER, bins })).bins).toEqual(bins);
  });

  test('an origin of which houses differ in the meaning is refused, and so is what is no such XML', () => {
    const turned = format.write(WAFER).replace(/OriginLocation="\w+"/, 'OriginLocation="3"');
    expect(() => format.read(turned)).toThrow(/OriginLocation/);
    expect(() => format.read('DEVICE:x')).toThrow(/no well-formed XML/);
    expect(() => format.read('<?xml version="1.0"?><Other/>')).toThrow(/root element is Other/);
    expect(() => format.read(format.write(WAFER).replace(/BinType="\w+"/, 'BinType="ASCII"'))).toThrow(
      /BinType/,
    );
  });

  test('a row too few, too long or with other codes is refused with its number', () => {
    const text = format.write(WAFER);
    const row = name === 'g85' ? '<Row><![CDATA[255 001 016]]></Row>' : '<BinCode>FF0110</BinCode>';
    expect(() => format.read(text.replace(`${row}\n`, ''))).toThrow(/found 1 rows of bins, expected 2/);
    expect(() => format.read(text.replace(row, row.replace(/01/, '01 01 ')))).toThrow(/row 1/);
    expect(() => format.read(text.replace(row, row.replace(/01/, 'zz')))).toThrow(
      /row 1 has codes that are not/,
    );
  });

  test('no entity is expanded', () => {
    const bomb = `<!DOCTYPE x [<!ENTITY a "aaaa">]>`;
    expect(() => format.read(format.write(WAFER).replace('?>', `?>${bomb}`).replace('P1', '&a;'))).toThrow();
  });
});

describe('sinf', () => {
  const { write, read, kept, largestBin } = MAP_FORMATS.sinf;

  test('what it has room for is read back, whatever the texts, bins, flat and reference die', () => {
    fc.assert(
      fc.property(arbitraryBinMap(largestBin), (map) => {
        expect(read(write(map))).toEqual(kept(map));
      }),
    );
  });

  test('twelve header lines, then the rows from the top', () => {
    expect(write(WAFER).split('\r\n')).toEqual([
      'DEVICE:P1',
      'LOT:L <&> "7"',
      'WAFER:03',
      'FNLOC:180',
      'ROWCT:2',
      'COLCT:3',
      'BCEQU:01',
      'REFPX:2',
      'REFPY:1',
      'DUTMS:mm',
      'XDIES:2.5',
      'YDIES:3',
      'RowData:__ 01 10',
      'RowData:01 @@ FF',
      '',
    ]);
  });

  test('a flat is counted clockwise from the top', () => {
    const degrees = (['up', 'right', 'down', 'left'] as const).map(
      (flat) => /FNLOC:(\d+)/.exec(write({ ...WAFER, flat }))?.[1],
    );
    expect(degrees).toEqual(['0', '90', '180', '270']);
  });

  test('a wafer without a good bin names one that no die is in, as an empty BCEQU means bin 1', () => {
    const definitions = WAFER.definitions.map((bin) => ({ ...bin, quality: 'fail' as const }));
    expect(write({ ...WAFER, definitions })).toContain('BCEQU:00\r\n');
    expect(read(write(WAFER).replace('BCEQU:01', 'BCEQU:')).definitions[0]?.quality).toBe('pass');
  });

  test('steps in mil are converted; the reference die is found by its code alone', () => {
    const mil = write(WAFER)
      .replace('DUTMS:mm', 'DUTMS:mil')
      .replace('XDIES:2.5', 'XDIES:100')
      .replace(/REFP[XY]:\d/g, '');
    expect(read(mil).step?.x).toBeCloseTo(2.54);
    expect(read(mil).reference).toEqual({ column: 2, row: 1 });
  });

  test('rows, columns and codes that do not fit are refused with the line', () => {
    const text = write(WAFER);
    expect(() => read(text.replace('ROWCT:2', 'ROWCT:3'))).toThrow(/found 2 RowData lines, expected 3/);
    expect(() => read(text.replace('@@ FF', '@@'))).toThrow(/RowData line 2 has 2 codes, expected 3/);
    expect(() => read(text.replace('__ 01', '__ 1'))).toThrow(/RowData line 1 has the code "1"/);
    expect(() => read(text.replace('ROWCT:2', 'ROWCT:-1'))).toThrow(/ROWCT is "-1"/);
  });
});

test.each(Object.keys(MAP_FORMATS) as MapFormatName[])(
  '%s refuses damaged text with a Fault, and ends',
  (name) => {
    const { read, write } = MAP_FORMATS[name];
    fc.assert(
      fc.property(fc.nat(), fc.string({ maxLength: 5 }), (at, piece) => {
        const text = write(WAFER);
        const damaged = text.slice(0, at % text.length) + piece + text.slice((at % text.length) + 3);
        try {
          read(damaged);
        } catch (error) {
          expect(error).toMatchObject({ name: 'Fault', code: 'invalid_data' });
        }
      }),
    );
  },
);
