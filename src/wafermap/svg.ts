import { blankWafers, CENTERS, colored, HEIGHT, heading, path, picture, placed, RADIUS } from './drawing.js';
import { fitted, type Geometry, outline } from './geometry.js';
import { type Grid, gridOf, type PlacedDie } from './grid.js';
import { INK, MUTED, NO_SCORE_COLOR, STATUS_COLORS } from './palette.js';
import type { ScoreScale } from './score-scale.js';
import { type DieStatus, STATUS_LABELS } from './status.js';
import { type MapTally, tallyOf } from './tally.js';
import { countText, escaped, numberText, waferTitle } from './text.js';
import { type TipDetail, tipOf } from './tip.js';
import type { WaferMap } from './wafer-map.js';

/** Above this many pixels a die has a mark of its own. */
const MARKS_FROM = 8;

/**
 * Both maps of a wafer side by side as one SVG element that needs nothing else: decisions on the left,
 * scores on the right, by the scale of the page. A die is one hoverable element over both, with its tool-tip.
 */
export function waferSvg(map: WaferMap, detail: TipDetail, scale: ScoreScale): string {
  const grid = gridOf(map);
  const geometry = fitted(grid, RADIUS);
  const unscored = grid.dies.some(({ die }) => die.score === undefined);
  const [left, right] = CENTERS;
  return picture(
    waferTitle(map),
    INK,
    `${heading(left, 'Decision of the model')}${heading(right, `Anomaly score, threshold ${numberText(map.threshold)}`)}
${blankWafers(grid, geometry, outline(geometry, map.flat))}
${placed(geometry, left, colored(grid.dies, geometry, ({ status }) => STATUS_COLORS[status]) + marks(grid.dies, geometry))}
${placed(
  geometry,
  right,
  colored(grid.dies, geometry, ({ die }) =>
    die.score === undefined ? NO_SCORE_COLOR : scale.steps[scale.stepOf(die.score)]?.color,
  ),
)}
${placed(geometry, left, hoverable(grid, geometry, map, detail), ' fill="#000" fill-opacity="0"')}
${statusLegend(tallyOf(grid.dies.map(({ die }) => die)), hasMarks(geometry), left)}${scoreLegend(scale, unscored, right)}`,
  );
}

/** What tells the dies that matter apart without colour; drawn where a die is large enough. */
const MARKS: Readonly<Partial<Record<DieStatus, { readonly shape: string; readonly color: string }>>> = {
  fail: { shape: 'm.3.3l.4.4m0-.4l-.4.4', color: '#fff' },
  flagged: { shape: 'm.5.28v.44m-.22-.22h.44', color: INK },
  missed: { shape: 'm.28.5h.44', color: '#fff' },
  unscored_fail: { shape: 'm.3.3l.4.4m0-.4l-.4.4', color: '#fff' },
};

function hasMarks({ dieWidth, dieHeight }: Geometry): boolean {
  return Math.min(dieWidth, dieHeight) >= MARKS_FROM;
}

function marks(dies: readonly PlacedDie[], geometry: Geometry): string {
  if (!hasMarks(geometry)) return '';
  const size = Math.min(geometry.dieWidth, geometry.dieHeight);
  const width = Math.max(1.2, Math.min(3.5, 0.13 * size)).toFixed(1);
  return Object.entries(MARKS)
    .map(([status, { shape, color }]) => {
      const d = dies.filter((die) => die.status === status).map((die) => `M${die.column} ${die.row}${shape}`);
      return d.length === 0
        ? ''
        : path(d.join(''), `fill="none" stroke="${color}" stroke-width="${width}" stroke-linecap="round"`);
    })
    .join('');
}

/** A transparent element for each die that covers its place on both maps. */
function hoverable(grid: Grid, { dieWidth }: Geometry, map: WaferMap, detail: TipDetail): string {
  const apart = (CENTERS[1] - CENTERS[0]) / dieWidth;
  return grid.dies
    .map(({ die, status, column, row }) => {
      const tip = tipOf(die, status, map.threshold, detail);
      if (tip === undefined) return '';
      const twin = Number((column + apart).toFixed(2));
      return `<path class="die" d="M${column} ${row}h1v1h-1zM${twin} ${row}h1v1h-1z"><title>${escaped(tip)}</title></path>`;
    })
    .join('\n');
}

const LEGEND_TOP = HEIGHT - 44;
const COLUMN = 188;
/** The longest words where there is room to their right. */
const LEGEND_ORDER: readonly DieStatus[] = ['pass', 'flagged', 'missed', 'fail', 'unscored', 'unscored_fail'];

/** The statuses that occur, three to a line. */
function statusLegend({ byStatus }: MapTally, marked: boolean, center: number): string {
  const order = LEGEND_ORDER.filter((status) => byStatus[status] > 0);
  const columns = Math.min(3, order.length);
  return order
    .map((status, i) => {
      const x = center - (columns * COLUMN) / 2 + (i % 3) * COLUMN + 8;
      const y = LEGEND_TOP + Math.floor(i / 3) * 24;
      return (
        `<rect x="${x}" y="${y}" width="14" height="14" rx="2" fill="${STATUS_COLORS[status]}"/>` +
        (marked ? legendMark(status, x, y) : '') +
        `<text x="${x + 21}" y="${y + 12}">${STATUS_LABELS[status]} <tspan fill="${MUTED}">${countText(byStatus[status])}</tspan></text>`
      );
    })
    .join('');
}

function legendMark(status: DieStatus, x: number, y: number): string {
  const mark = MARKS[status];
  if (mark === undefined) return '';
  const shape = path(
    `M0 0${mark.shape}`,
    `fill="none" stroke="${mark.color}" stroke-width="1.8" stroke-linecap="round"`,
  );
  return `<g transform="translate(${x} ${y})scale(14)">${shape}</g>`;
}

const BAR_STEP = 36;

/** The colour bar: its ends and the threshold are named. */
function scoreLegend({ steps }: ScoreScale, gaps: boolean, center: number): string {
  const width = steps.length * BAR_STEP;
  const left = center - width / 2 - (gaps ? 60 : 0);
  const bars = steps.map(
    ({ color }, i) =>
      `<rect x="${left + i * BAR_STEP}" y="${LEGEND_TOP}" width="${BAR_STEP}" height="14" fill="${color}"/>`,
  );
  const edge = (i: number) => (i === 0 ? steps[0]?.from : steps[i - 1]?.to) ?? 0;
  const last = steps.length;
  const labels = [0, 3, 5, 7, last].map((i) => {
    const text =
      i === 0
        ? `\u2264 ${numberText(edge(1))}`
        : `${i === last ? '> ' : ''}${numberText(edge(Math.min(i, last - 1)))}`;
    const x = left + (i === 0 ? 0.5 : i === last ? i - 0.5 : i) * BAR_STEP;
    const weight = i === last / 2 ? ` font-weight="700" fill="${INK}"` : '';
    return `<text x="${x}" y="${LEGEND_TOP + 32}" text-anchor="middle"${weight}>${text}</text>`;
  });
  const middle = left + width / 2;
  const none = gaps
    ? `<rect x="${left + width + 24}" y="${LEGEND_TOP}" width="14" height="14" rx="2" fill="${NO_SCORE_COLOR}"/><text x="${left + width + 45}" y="${LEGEND_TOP + 12}">not scored</text>`
    : '';
  return `${bars.join('')}<path d="M${middle} ${LEGEND_TOP - 4}v22" stroke="${INK}" stroke-width="2"/><g font-size="12" fill="${MUTED}">${labels.join('')}</g>${none}`;
}
