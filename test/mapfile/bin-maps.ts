import fc from 'fast-check';
import { type BinMap, countBins, mapText, NO_DIE, UNTESTED } from '../../src/mapfile/bin-map.js';

const text = fc.string({ unit: 'binary', maxLength: 24 }).map(mapText);
const positive = fc.double({ min: 1e-3, max: 1e3, noNaN: true }).map((value) => Number(value.toFixed(3)));

/** Maps of up to 9 by 9 places, with whatever a wafer may have and lack. */
export function arbitraryBinMap(largestBin: number): fc.Arbitrary<BinMap> {
  const bin = fc.oneof(
    { weight: 3, arbitrary: fc.constant(NO_DIE) },
    { weight: 1, arbitrary: fc.constant(UNTESTED) },
    { weight: 6, arbitrary: fc.integer({ min: 0, max: 20 }) },
    { weight: 2, arbitrary: fc.integer({ min: 0, max: largestBin }) },
  );
  return fc
    .tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 }))
    .chain(([rows, columns]) =>
      fc.record({
        product: text,
        lot: text,
        wafer: text,
        rows: fc.constant(rows),
        columns: fc.constant(columns),
        bins: fc
          .array(bin, { minLength: rows * columns, maxLength: rows * columns })
          .map((all) => Int32Array.from(all)),
        quality: fc.func(fc.constantFrom('pass', 'fail', 'unknown')),
        description: fc.func(text),
        flat: fc.constantFrom(undefined, 'up', 'down', 'left', 'right'),
        reference: fc.option(
          fc.record({
            column: fc.integer({ min: 0, max: columns - 1 }),
            row: fc.integer({ min: 0, max: rows - 1 }),
          }),
          { nil: undefined },
        ),
        step: fc.option(fc.record({ x: positive, y: positive }), { nil: undefined }),
        diameterMm: fc.option(positive, { nil: undefined }),
      }),
    )
    .map(({ quality, description, ...map }) => ({
      ...map,
      definitions: [...countBins(map.bins)].map(([bin, count]) => ({
        bin,
        count,
        quality: quality(bin),
        description: description(bin),
      })),
    }));
}
