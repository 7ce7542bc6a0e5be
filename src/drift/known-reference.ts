import { DriftComparison } from './compare.js';
import { IndexTable } from './index-table.js';
import type { ReferenceBins } from './reference-bins.js';
import { MeanPlaces } from './wander.js';

/** A reference with what is worked out of it once, for all windows that are judged by it. */
export class KnownReference {
  readonly bins: ReferenceBins;
  readonly comparison: DriftComparison;
  readonly indexes: IndexTable;
  readonly places: MeanPlaces;

  constructor(bins: ReferenceBins) {
    this.bins = bins;
    this.comparison = new DriftComparison(bins);
    this.indexes = new IndexTable(bins, this.comparison);
    this.places = new MeanPlaces(bins);
  }
}
