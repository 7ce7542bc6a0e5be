import { type DieStatus, statusOf } from './status.js';
import type { MapDie, WaferMap } from './wafer-map.js';

/** A die where it is drawn: column 0 is the left, row 0 the top, whatever the tester's axes are. */
export interface PlacedDie {
  readonly column: number;
  readonly row: number;
  readonly die: MapDie;
  readonly status: DieStatus;
}

/** A wafer as rows and columns of a picture. */
export interface Grid {
  /** Extent of the dies, 0 by 0 for a map without dies. */
  readonly columns: number;
  readonly rows: number;
  /** By row, then column. One for each place. */
  readonly dies: readonly PlacedDie[];
  /** The tester's coordinate of a column and of a row. */
  xOf(column: number): number;
  yOf(row: number): number;
  /** Where the tester's coordinates are drawn, outside of the grid too. */
  placeOf(at: Coordinates): { readonly column: number; readonly row: number };
}

/** As the tester counts. */
interface Coordinates {
  readonly x: number;
  readonly y: number;
}

/**
 * Lays a map out as it is seen: x and y turned to grow as the tester says.
 * @param also places that the grid holds too, if there is a die
 */
export function gridOf({ dies, xGrowsLeft, yGrowsUp }: WaferMap, also: readonly Coordinates[] = []): Grid {
  const held = dies.length === 0 ? [] : [...dies, ...also];
  const x = extent(held.map((die) => die.x));
  const y = extent(held.map((die) => die.y));
  const placeOf = (at: Coordinates) => ({
    column: xGrowsLeft ? x.max - at.x : at.x - x.min,
    row: yGrowsUp ? y.max - at.y : at.y - y.min,
  });
  const places = new Map<string, PlacedDie>();
  for (const die of dies) {
    const { column, row } = placeOf(die);
    places.set(`${column},${row}`, { column, row, die, status: statusOf(die) });
  }
  return {
    placeOf,
    columns: dies.length === 0 ? 0 : x.max - x.min + 1,
    rows: dies.length === 0 ? 0 : y.max - y.min + 1,
    dies: [...places.values()].sort((a, b) => a.row - b.row || a.column - b.column),
    xOf: (column) => (xGrowsLeft ? x.max - column : x.min + column),
    yOf: (row) => (yGrowsUp ? y.max - row : y.min + row),
  };
}

function extent(values: readonly number[]): { readonly min: number; readonly max: number } {
  // Not Math.min(...values): a wafer has more dies than a call may have arguments.
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return { min, max };
}
