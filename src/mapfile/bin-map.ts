import type { FlatSide } from '../wafermap/wafer-map.js';

/** A place of the map without a die. */
export const NO_DIE = -1;
/** A die that was not tested, or that has no bin. */
export const UNTESTED = -2;

/** What a bin of a map means to who picks its dies. */
export interface BinDefinition {
  readonly bin: number;
  /** Dies of the map in this bin. */
  readonly count: number;
  /** `unknown` where nobody said; it is picked by nobody. */
  readonly quality: 'pass' | 'fail' | 'unknown';
  /** '' where there is none. */
  readonly description: string;
}

export interface MapPlace {
  readonly column: number;
  readonly row: number;
}

/** Bins of one wafer as assembly reads them: rows and columns as the wafer is seen, row 0 the top, column 0 the left. */
export interface BinMap {
  /** Texts of one line, '' where they are unknown; see `mapText`. */
  readonly product: string;
  readonly lot: string;
  readonly wafer: string;
  readonly rows: number;
  readonly columns: number;
  /** int32 [rows, columns] row-major: a bin, NO_DIE or UNTESTED. */
  readonly bins: Int32Array;
  /** In ascending order, one for each bin of the map. */
  readonly definitions: readonly BinDefinition[];
  readonly flat: FlatSide | undefined;
  /** The die by which a machine finds the others; it may be a place without a tested die. */
  readonly reference: MapPlace | undefined;
  /** Step from die to die in mm. */
  readonly step: { readonly x: number; readonly y: number } | undefined;
  /** Diameter of the wafer in mm. */
  readonly diameterMm: number | undefined;
}

/** A text that a line of SINF and an attribute of XML 1.0 can hold: control characters become blanks, none at its ends. */
export function mapText(text: string | undefined): string {
  // Unpaired surrogates and the two non-characters are no XML either, and UTF-8 cannot write the former.
  return (text ?? '')
    .replace(/\p{Cs}/gu, '\ufffd')
    .replace(/[\p{Cc}\p{Zl}\p{Zp}\ufffe\uffff\s]+/gu, ' ')
    .trim();
}

/** Dies of the map in each bin, in ascending order of the bins. */
export function countBins(bins: Int32Array): ReadonlyMap<number, number> {
  const counts = new Map<number, number>();
  for (const bin of bins) if (bin >= 0) counts.set(bin, (counts.get(bin) ?? 0) + 1);
  return new Map([...counts].sort(([a], [b]) => a - b));
}

/** The codes of one row of the map, from left to right. */
export function rowOfBins({ bins, columns }: BinMap, row: number): Int32Array {
  return bins.subarray(row * columns, (row + 1) * columns);
}

/** The largest bin; -1 where no die has one. */
export function largestBin(bins: Int32Array): number {
  return bins.reduce((largest, bin) => Math.max(largest, bin), -1);
}
