import { type Grid, gridOf } from './grid.js';
import { DIE_STATUSES, type DieStatus, STATUS_LABELS } from './status.js';
import { tallyOf } from './tally.js';
import { axisWidth, type CharacterLayout, type Span, withAxes } from './terminal-axes.js';
import { countText, shareText, waferTitle } from './text.js';
import type { WaferMap } from './wafer-map.js';

interface TerminalOptions {
  /** Width of the terminal in characters; at least 20 are used. */
  readonly columns: number;
  /** Whether it shows 256 colours; without them a die is a character. */
  readonly color: boolean;
}

const MIN_COLUMNS = 20;
/** Narrower terminals have no room for coordinates. */
const LEAST_WITH_AXES = 40;
/** A small wafer is drawn larger, up to this many characters for a die and lines for the wafer. */
const MAX_DIE_WIDTH = 6;
const MAX_ENLARGED_LINES = 24;
/** However far apart the coordinates of a damaged file are. */
const MAX_LINES = 160;

/** Without colour. */
const CHARACTERS: Readonly<Record<DieStatus, string>> = {
  unscored: '-',
  pass: '.',
  unscored_fail: '~',
  fail: '#',
  flagged: '+',
  missed: '!',
};

/** Of the xterm palette; they differ in lightness too, for those who do not see red from green. */
const COLORS: Readonly<Record<DieStatus, number>> = {
  unscored: 240,
  pass: 73,
  unscored_fail: 250,
  fail: 202,
  flagged: 220,
  missed: 201,
};

/** Statuses by display row and column; undefined where there is no die. */
type Raster = readonly (readonly (DieStatus | undefined)[])[];

/** How many dies share a place of the raster, or how many places a die takes. */
interface Scale {
  readonly across: number;
  readonly down: number;
  readonly enlarge: number;
}

/**
 * A wafer map as lines of text that end in a newline, never wider than the terminal: enlarged where it is
 * small, scaled down where it is wider than the terminal, each place then showing the most interesting
 * of its dies.
 */
export function terminalWaferMap(map: WaferMap, { columns, color }: TerminalOptions): string {
  const width = Math.max(MIN_COLUMNS, Math.floor(columns));
  const grid = gridOf(map);
  const margin = width < LEAST_WITH_AXES ? 0 : axisWidth(grid);
  const room = width - margin;
  const scale = color ? blockScale(grid, room) : characterScale(grid, room);
  const raster = rasterOf(grid, scale);
  const drawn = color ? blocks(raster, scale.enlarge) : characters(raster, scale.enlarge);
  const layout = color ? blockLayout(grid, scale) : characterLayout(grid, scale);
  const picture = margin === 0 ? drawn : withAxes(drawn, grid, layout, room);
  const lines = [
    ...wrapped([waferTitle(map)], width),
    ...flatLine(map, 'up', width),
    ...picture,
    ...flatLine(map, 'down', width),
    ...wrapped(notes(map, scale), width),
    ...legend(map, color, width),
    ...wrapped(figures(map), width),
  ];
  return `${lines.join('\n')}\n`;
}

/** Where the rows and columns are that `blocks` draws: two raster rows on a line. */
function blockLayout(grid: Grid, { across, down, enlarge }: Scale): CharacterLayout {
  return {
    rowsOf(line) {
      const [from, to] = [Math.ceil((2 * line) / enlarge), Math.ceil((2 * line + 2) / enlarge)];
      return from === to ? undefined : { from: from * down, to: Math.min(grid.rows, to * down) };
    },
    columnsOf: (character) => columnsAt(grid, character, across, enlarge),
  };
}

/** Where the rows and columns are that `characters` draws. */
function characterLayout(grid: Grid, { across, down, enlarge }: Scale): CharacterLayout {
  const height = linesOfDie(enlarge);
  return {
    rowsOf(line) {
      if (line % height !== 0) return undefined;
      const row = (line / height) * down;
      return { from: row, to: Math.min(grid.rows, row + down) };
    },
    columnsOf: (character) => columnsAt(grid, character, across, enlarge),
  };
}

function columnsAt({ columns }: Grid, character: number, across: number, enlarge: number): Span | undefined {
  if (character % enlarge !== 0) return undefined;
  const column = (character / enlarge) * across;
  return { from: column, to: Math.min(columns, column + across) };
}

function linesOfDie(width: number): number {
  return Math.max(1, Math.floor(width / 2));
}

/** Half blocks are square: one column and half a line each. */
function blockScale({ columns, rows }: Grid, width: number): Scale {
  const shrink = Math.max(1, Math.ceil(columns / width), Math.ceil(rows / (2 * MAX_LINES)));
  const room = Math.min(Math.floor(width / columns), Math.floor((2 * MAX_ENLARGED_LINES) / rows));
  return { across: shrink, down: shrink, enlarge: shrink > 1 ? 1 : clamp(room, 1, MAX_DIE_WIDTH) };
}

/** A character is half as wide as high: two columns for a die where there is room. */
function characterScale({ columns, rows }: Grid, width: number): Scale {
  const shrink = Math.max(1, Math.ceil(columns / width), Math.ceil(rows / (2 * MAX_LINES)));
  if (shrink > 1) return { across: shrink, down: 2 * shrink, enlarge: 1 };
  const room = Math.min(Math.floor(width / columns), 2 * Math.floor(MAX_ENLARGED_LINES / rows));
  return { across: 1, down: 1, enlarge: clamp(room, width >= 2 * columns ? 2 : 1, MAX_DIE_WIDTH) };
}

function clamp(value: number, low: number, high: number): number {
  return Math.max(low, Math.min(high, value));
}

function rasterOf({ columns, rows, dies }: Grid, { across, down }: Scale): Raster {
  const height = Math.ceil(rows / down);
  const raster = Array.from({ length: height }, () =>
    new Array<DieStatus | undefined>(Math.ceil(columns / across)).fill(undefined),
  );
  for (const { column, row, status } of dies) {
    const line = raster[Math.floor(row / down)];
    if (line === undefined) continue;
    const at = Math.floor(column / across);
    line[at] = moreInteresting(line[at], status);
  }
  return raster;
}

function moreInteresting(a: DieStatus | undefined, b: DieStatus): DieStatus {
  return a !== undefined && DIE_STATUSES.indexOf(a) > DIE_STATUSES.indexOf(b) ? a : b;
}

/** Each die is its character, the rest of its width blank, on as many lines as keep it square. */
function characters(raster: Raster, width: number): string[] {
  const height = linesOfDie(width);
  return raster.flatMap((line) => {
    const text = line.map((status) => (status === undefined ? ' ' : CHARACTERS[status]).padEnd(width));
    return [text.join('').trimEnd(), ...new Array<string>(height - 1).fill('')];
  });
}

/** Two rows of the raster on one line: the upper half of a character and the lower. */
function blocks(raster: Raster, enlarge: number): string[] {
  const pixels = raster.flatMap((line) => {
    const wide = line.flatMap((status) => new Array<DieStatus | undefined>(enlarge).fill(status));
    return new Array<typeof wide>(enlarge).fill(wide);
  });
  const lines: string[] = [];
  for (let row = 0; row < pixels.length; row += 2) {
    lines.push(blockLine(pixels[row] ?? [], pixels[row + 1] ?? []));
  }
  return lines;
}

function blockLine(upper: Raster[number], lower: Raster[number]): string {
  let line = '';
  let style = '';
  const last = Math.max(lastDie(upper), lastDie(lower));
  for (let i = 0; i <= last; i++) {
    const [top, bottom] = [upper[i], lower[i]];
    const wanted = styleOf(top ?? bottom, top === undefined ? undefined : bottom);
    if (wanted !== style) line += `\u001b[0m${wanted}`;
    style = wanted;
    line += top !== undefined ? '\u2580' : bottom !== undefined ? '\u2584' : ' ';
  }
  return style === '' ? line : `${line}\u001b[0m`;
}

function lastDie(line: Raster[number]): number {
  return line.findLastIndex((status) => status !== undefined);
}

function styleOf(ink: DieStatus | undefined, paper: DieStatus | undefined): string {
  const foreground = ink === undefined ? '' : `\u001b[38;5;${COLORS[ink]}m`;
  return paper === undefined ? foreground : `${foreground}\u001b[48;5;${COLORS[paper]}m`;
}

function flatLine({ flat }: WaferMap, side: 'up' | 'down', width: number): string[] {
  return flat === side ? wrapped([`(flat or notch: ${side})`], width) : [];
}

function notes({ flat, dies }: WaferMap, { across, down }: Scale): string[] {
  if (dies.length === 0) return ['no dies with coordinates'];
  const shared = across === 1 ? [] : [`each place shows the worst of ${across} × ${down} dies`];
  return flat === 'left' || flat === 'right' ? [`flat or notch: ${flat}`, ...shared] : shared;
}

function legend({ dies }: WaferMap, color: boolean, width: number): string[] {
  const { byStatus } = tallyOf(dies);
  const shown = DIE_STATUSES.filter((status) => byStatus[status] > 0);
  const entries = shown.map((status) => `${STATUS_LABELS[status]} ${countText(byStatus[status])}`);
  const marks = shown.map((status) =>
    color ? `\u001b[38;5;${COLORS[status]}m\u25a0\u001b[0m` : CHARACTERS[status],
  );
  // Wrapped with a plain mark, as colours take no room on the screen.
  const lines = wrapped(
    entries.map((entry) => `\u0000 ${entry}`),
    width,
  );
  let next = 0;
  return lines.map((line) => line.replaceAll('\u0000', () => marks[next++] ?? ''));
}

function figures({ dies, threshold }: WaferMap): string[] {
  const tally = tallyOf(dies);
  return [
    `${countText(tally.dies)} dies, ${countText(tally.scored)} scored`,
    `tester's yield ${shareText(tally.testerYield)}`,
    `model's yield ${shareText(tally.modelYield)}`,
    `threshold ${threshold}`,
  ];
}

/** Entries in lines of at most `width` characters; an entry that is longer is cut. */
function wrapped(entries: readonly string[], width: number): string[] {
  const lines: string[] = [];
  for (const entry of entries) {
    const short = entry.length > width ? `${entry.slice(0, width - 1)}\u2026` : entry;
    const line = lines.at(-1);
    if (line === undefined || line.length + 3 + short.length > width) lines.push(short);
    else lines[lines.length - 1] = `${line}   ${short}`;
  }
  return lines;
}
