import fc from 'fast-check';
import { expect, it } from 'vitest';
import { growingColumn, textColumn } from '../../../src/lots/dies/growing-columns.js';
import type { TouchedPart } from '../../../src/lots/dies/touchdown.js';
import { TouchdownColumns } from '../../../src/lots/dies/touchdown-columns.js';
import type { Wafer } from '../../../src/stdf/stdf.js';

const wafers: Wafer[] = [0, 1].map((index) => ({
  index,
  wir: { type: 'Wir', headNum: 1, siteGrp: 255, startT: 0 },
  wrr: undefined,
  wrrs: [],
  waferId: `W${index}`,
}));
const byte = fc.integer({ min: 0, max: 255 });
const coordinate = fc.option(fc.integer({ min: -32_767, max: 32_767 }), { nil: undefined });

/** Every part that a file can have, for what names its die. */
const part: fc.Arbitrary<TouchedPart> = fc.record({
  index: fc.nat(),
  headNum: byte,
  siteNum: byte,
  end: fc.constantFrom('ended', 'not_ended'),
  wafer: fc.constantFrom(undefined, ...wafers),
  x: coordinate,
  y: coordinate,
  partId: fc.option(fc.string({ unit: 'grapheme' }), { nil: undefined }),
  verdict: fc.constantFrom('pass', 'fail', 'none'),
  hardBin: fc.option(fc.integer({ min: 0, max: 65_535 }), { nil: undefined }),
  openedAfter: fc.nat(),
  retestFlag: fc.constantFrom(undefined, 'part_id', 'position'),
});

it('a touchdown comes out of the columns as it went in, and nothing where none is', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(part, byte)), (touchdowns) => {
      const columns = new TouchdownColumns();
      touchdowns.forEach(([each, pass], entry) => {
        expect(columns.add(each, pass)).toBe(entry);
      });
      expect(columns.length).toBe(touchdowns.length);
      touchdowns.forEach(([each, pass], entry) => {
        expect(columns.at(entry)).toEqual({ part: each, pass });
      });
      expect(columns.at(-1)).toBeUndefined();
      expect(columns.at(touchdowns.length)).toBeUndefined();
    }),
  );
});

it('columns grow beyond the room that they begin with', () => {
  const [numbers, texts] = [growingColumn((room) => new Float64Array(room)), textColumn()];
  for (let i = 0; i < 5000; i++) {
    numbers.push(i / 2);
    texts.push(i % 7 === 0 ? undefined : `die ${i} µ`.repeat(i % 5));
  }
  expect([numbers.at(0), numbers.at(4999)]).toEqual([0, 2499.5]);
  expect([texts.at(0), texts.at(4999), texts.at(5)]).toEqual([undefined, 'die 4999 µ'.repeat(4), '']);
});
