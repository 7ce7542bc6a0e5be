import type { Grid } from './grid.js';
import type { FlatSide } from './wafer-map.js';

/** Where a wafer is drawn, in the picture's pixels. */
export interface Geometry {
  /** Width and height of a die. */
  readonly dieWidth: number;
  readonly dieHeight: number;
  /** Left and top edge of column 0 and row 0, relative to the wafer's centre. */
  readonly left: number;
  readonly top: number;
  /** Of the wafer's outline. */
  readonly radius: number;
}

/** A wafer is round: an extent this lopsided or this small is not a whole wafer, and its dies are square. */
const MAX_ASPECT = 3;
const MIN_ACROSS = 4;

/** Fits the dies into a circle of `radius`. */
export function fitted({ columns, rows, dies }: Grid, radius: number): Geometry {
  if (dies.length === 0) return { dieWidth: 1, dieHeight: 1, left: 0, top: 0, radius };
  const ratio = columns / rows;
  const whole = Math.min(columns, rows) >= MIN_ACROSS && Math.max(ratio, 1 / ratio) <= MAX_ASPECT;
  // As wide for each high so that a whole wafer comes out round.
  const aspect = whole ? 1 / ratio : 1;
  let reach = 0;
  for (const { column, row } of dies) {
    const dx = (Math.abs(column + 0.5 - columns / 2) + 0.5) * aspect;
    const dy = Math.abs(row + 0.5 - rows / 2) + 0.5;
    reach = Math.max(reach, Math.hypot(dx, dy));
  }
  // The edge of a wafer carries no dies.
  const dieHeight = (0.965 * radius) / reach;
  const dieWidth = dieHeight * aspect;
  return { dieWidth, dieHeight, left: (-columns * dieWidth) / 2, top: (-rows * dieHeight) / 2, radius };
}

const TURN: Readonly<Record<FlatSide, number>> = { right: 0, down: 90, left: 180, up: 270 };

/**
 * The wafer's outline around the origin as an SVG path: with a flat where the dies leave room for one,
 * else with a notch. STDF does not tell the two apart.
 */
export function outline({ radius, left, top }: Geometry, flat: FlatSide | undefined): string {
  const r = radius.toFixed(1);
  if (flat === undefined) return `<path d="M${r} 0A${r} ${r} 0 1 1 ${r} -.01z"/>`;
  const dies = flat === 'left' || flat === 'right' ? -left : -top;
  const chord = Math.max(0.93 * radius, dies + 2);
  const turned = `transform="rotate(${TURN[flat]})"`;
  const cut = chord < 0.985 * radius ? chord : 0.998 * radius;
  const half = Math.sqrt(radius ** 2 - cut ** 2);
  const ends = [cut, half].map((n) => n.toFixed(1)).join(' ');
  const notch = cut === chord ? '' : `L${(0.955 * radius).toFixed(1)} 0`;
  return `<path ${turned} d="M${ends}A${r} ${r} 0 1 1 ${cut.toFixed(1)} ${(-half).toFixed(1)}${notch}z"/>`;
}
