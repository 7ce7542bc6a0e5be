import type { Geometry } from './geometry.js';
import type { Grid, PlacedDie } from './grid.js';
import { LINE, MUTED, WAFER } from './palette.js';
import { escaped, numberText } from './text.js';

/** Size of the picture of two wafers side by side, and where they are in it. */
const WIDTH = 1160;
export const HEIGHT = 640;
export const RADIUS = 240;
export const CENTERS = [308, 872] as const;
const MIDDLE = 312;
/** Above this many pixels a die has a gap to its neighbours. */
const GAP_FROM = 5;

/** What a wafer of the picture shows, above it. */
export function heading(x: number, text: string): string {
  return `<text x="${x}" y="28" text-anchor="middle" font-size="17" font-weight="600">${escaped(text)}</text>`;
}

/** A group whose unit is a die, so that paths are whole numbers. */
export function placed(
  { left, top, dieWidth, dieHeight }: Geometry,
  x: number,
  content: string,
  more = '',
): string {
  const at = [x + left, MIDDLE + top].map((n) => n.toFixed(2)).join(' ');
  return `<g transform="translate(${at})scale(${dieWidth.toFixed(4)} ${dieHeight.toFixed(4)})"${more}>${content}</g>`;
}

/** One path for each colour: a big wafer is a dozen elements. */
export function colored(
  dies: readonly PlacedDie[],
  geometry: Geometry,
  colorOf: (die: PlacedDie) => string | undefined,
): string {
  const gaps = Math.min(geometry.dieWidth, geometry.dieHeight) >= GAP_FROM;
  const paths = new Map<string, string>();
  for (let i = 0; i < dies.length; i++) {
    const die = dies[i];
    const color = die && colorOf(die);
    if (die === undefined || color === undefined) continue;
    let run = 1;
    if (!gaps) {
      // Neighbours of one colour are one rectangle.
      while (isNext(dies[i + 1], die, run) && colorOf(dies[i + 1] ?? die) === color) {
        run++;
        i++;
      }
    }
    paths.set(color, `${paths.get(color) ?? ''}M${die.column} ${die.row}h${run}v1h-${run}z`);
  }
  const style = gaps
    ? `stroke="${WAFER}" stroke-width="${gapWidth(geometry)}"`
    : 'shape-rendering="crispEdges"';
  return `<g ${style}>${[...paths].map(([color, d]) => path(d, `fill="${color}"`)).join('')}</g>`;
}

function isNext(next: PlacedDie | undefined, first: PlacedDie, run: number): boolean {
  return next?.row === first.row && next.column === first.column + run;
}

function gapWidth({ dieWidth, dieHeight }: Geometry): string {
  return Math.min(2, 0.12 * Math.min(dieWidth, dieHeight)).toFixed(2);
}

/** A path whose lines do not scale with the dies. */
export function path(d: string, attributes: string): string {
  return `<path vector-effect="non-scaling-stroke" ${attributes} d="${d}"/>`;
}

/** Round coordinates along the left and the lower side, as the tester counts them. */
function axes(grid: Grid, { left, top, dieWidth, dieHeight }: Geometry, x: number): string {
  const bottom = MIDDLE + RADIUS + 22;
  const labels = [
    ...ticks(grid.columns, dieWidth, grid.xOf).map(
      ({ at, label }) =>
        `<text x="${(x + left + at).toFixed(1)}" y="${bottom}" text-anchor="middle">${label}</text>`,
    ),
    ...ticks(grid.rows, dieHeight, grid.yOf).map(
      ({ at, label }) =>
        `<text x="${x - RADIUS - 12}" y="${(MIDDLE + top + at + 4).toFixed(1)}" text-anchor="end">${label}</text>`,
    ),
  ];
  const names =
    `<text x="${x + RADIUS + 4}" y="${bottom}" text-anchor="end" font-style="italic">x</text>` +
    `<text x="${x - RADIUS - 12}" y="${MIDDLE - RADIUS - 10}" text-anchor="end" font-style="italic">y</text>`;
  return grid.dies.length === 0 ? '' : `<g fill="${MUTED}" font-size="11">${labels.join('')}${names}</g>`;
}

/** The coordinates that are multiples of a round number, at most one in 44 pixels. */
function ticks(count: number, size: number, coordinate: (index: number) => number) {
  const step = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000].find((n) => n * size >= 44) ?? 10_000;
  const found: { at: number; label: string }[] = [];
  for (let i = 0; i < count; i++) {
    const value = coordinate(i);
    if (value % step === 0) found.push({ at: (i + 0.5) * size, label: numberText(value) });
  }
  return found;
}

/** The wafers themselves, below their dies. */
export function blankWafers(grid: Grid, geometry: Geometry, wafer: string): string {
  return CENTERS.map(
    (x) =>
      `<g transform="translate(${x} ${MIDDLE})" fill="${WAFER}" stroke="${LINE}" stroke-width="1.5">${wafer}</g>${axes(grid, geometry, x)}`,
  ).join('');
}

/** An SVG element that needs nothing else. */
export function picture(title: string, ink: string, content: string): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escaped(title)}" font-family="system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif" font-size="13" fill="${ink}">
${content}
</svg>`;
}
