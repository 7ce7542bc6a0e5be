import fc from 'fast-check';
import { expect, test } from 'vitest';
import { countRow } from '../../src/drift/bin-counts.js';
import { DriftComparison } from '../../src/drift/compare.js';
import { DriftCounts } from '../../src/drift/counts.js';
import { IndexTable } from '../../src/drift/index-table.js';
import { referenceBins } from '../../src/drift/reference-bins.js';
import { olderReferenceOfColumns, referenceOfColumns } from './references.js';

const PARAMETERS = 4;
const value = fc.oneof(
  { weight: 4, arbitrary: fc.double({ min: -5, max: 5, noNaN: true }) },
  { weight: 3, arbitrary: fc.constantFrom(0, 1, 2) },
  { weight: 1, arbitrary: fc.constant(Number.NaN) },
);
const row = fc.array(value, { minLength: PARAMETERS, maxLength: PARAMETERS });
const rows = (least: number) => fc.array(row, { minLength: least, maxLength: 60 });
const columnsOf = (dies: readonly (readonly number[])[]) =>
  Array.from({ length: PARAMETERS }, (_, p) => dies.map((die) => die[p] ?? Number.NaN));

test('the indexes of all parameters at once are those of each, whatever is tied, missing, empty or stopped', () => {
  fc.assert(
    fc.property(
      rows(2),
      rows(0),
      fc.boolean(),
      fc.integer({ min: 1, max: 900 }),
      (known, now, older, times) => {
        const reference = (older ? olderReferenceOfColumns : referenceOfColumns)(columnsOf(known));
        const bins = referenceBins(reference);
        const { edges } = bins.parameters;
        const counts = new DriftCounts(PARAMETERS);
        const flat = Float32Array.from(now.flat());
        // Also more dies in a bin than there are logarithms at hand.
        const repeats = now.length > 50 ? times : 1;
        for (let again = 0; again < repeats; again++)
          for (let die = 0; die < now.length; die++)
            countRow(counts, { edges, means: bins.means, scales: bins.scales }, flat, die);
        const comparison = new DriftComparison(bins);
        const dies = comparison.reached(counts);
        const indexes = new IndexTable(bins, comparison).of(dies);
        for (let p = 0; p < PARAMETERS; p++) expect(indexes[p]).toBeCloseTo(comparison.psi(dies, p).psi, 9);
      },
    ),
    { numRuns: 300 },
  );
});
