import type { Grid } from './grid.js';

/** How the rows and columns of a grid lie on the lines and characters of a picture. */
export interface CharacterLayout {
  /** Rows that line `line` shows, as a range; undefined where it begins none. */
  rowsOf(line: number): Span | undefined;
  columnsOf(character: number): Span | undefined;
}

/** From the first to below the last. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** Lines and characters from label to label, at least. */
const LINES_APART = 3;
const GAP = 2;
const STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000];

/** Characters that the labels of y take on the left of a picture, with a blank behind them. */
export function axisWidth({ rows, yOf }: Grid): number {
  return rows === 0 ? 0 : Math.max(String(yOf(0)).length, String(yOf(rows - 1)).length) + 1;
}

/**
 * A picture with the tester's coordinates at its left and below it: round ones, as many as are legible.
 * @param width characters of the picture
 */
export function withAxes(
  picture: readonly string[],
  grid: Grid,
  layout: CharacterLayout,
  width: number,
): string[] {
  const margin = axisWidth(grid);
  const labels = labelsOfLines(picture.length, grid, layout);
  const lines = picture.map((line, i) => `${(labels[i] ?? '').padStart(margin - 1)} ${line}`);
  const below = labelsBelow(grid, layout, width);
  return [...lines.map((line) => line.trimEnd()), ...(below === '' ? [] : [`${' '.repeat(margin)}${below}`])];
}

function labelsOfLines(lines: number, grid: Grid, { rowsOf }: CharacterLayout): (string | undefined)[] {
  for (const step of STEPS) {
    const labels = Array.from({ length: lines }, (_, line) => roundWithin(rowsOf(line), grid.yOf, step));
    const at = labels.flatMap((label, line) => (label === undefined ? [] : [line]));
    if (at.every((line, i) => i === 0 || line - (at[i - 1] ?? 0) >= LINES_APART)) return labels;
  }
  return [];
}

function labelsBelow(grid: Grid, { columnsOf }: CharacterLayout, width: number): string {
  for (const step of STEPS) {
    let [text, clear] = ['', true];
    for (let character = 0; character < width; character++) {
      const label = roundWithin(columnsOf(character), grid.xOf, step);
      if (label === undefined) continue;
      clear &&= text === '' || text.length + GAP <= character;
      text = `${text.padEnd(character)}${label}`;
    }
    if (clear) return text.slice(0, width);
  }
  return '';
}

/** The first coordinate of a span that is a multiple of the step. */
function roundWithin(
  span: Span | undefined,
  coordinate: (index: number) => number,
  step: number,
): string | undefined {
  if (span === undefined) return undefined;
  for (let i = span.from; i < span.to; i++) if (coordinate(i) % step === 0) return String(coordinate(i) + 0);
  return undefined;
}
