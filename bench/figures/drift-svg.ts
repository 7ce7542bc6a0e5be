import type { CreepStep } from '../scenarios/creeping-tester.js';

/** What the figure shows. */
export interface DriftFigure {
  readonly points: readonly CreepStep[];
  /** The tester that creeps. */
  readonly creeping: string;
  /** Steps: from which on it creeps, at which it was flagged, at which its fail rate had clearly moved. */
  readonly creepFrom: number;
  readonly flagged: number;
  readonly failsFrom: number | undefined;
  /** Above it the fail rate counts as moved. */
  readonly failRateBound: number;
  readonly title: string;
  readonly subtitle: string;
}

const WIDTH = 860;
const LEFT = 64;
const RIGHT = 150;
const PANEL = 150;
const TOP = 78;
const GAP = 62;
const INK = '#1f2933';
const SOFT = '#5f6c7b';
const GRID = '#e3e8ee';
const HOT = '#c2410c';
const COOL = '#5b7fa6';

interface Panel {
  readonly top: number;
  readonly title: string;
  readonly ticks: readonly number[];
  readonly format: (value: number) => string;
  readonly seriesOf: (point: CreepStep) => ReadonlyMap<string, number>;
  readonly limit?: { readonly at: number; readonly label: string };
}

/** The simulated creep as one SVG: what is flagged, what the index is, what the fail rate is. */
export function driftFigure(figure: DriftFigure): string {
  const { points, title, subtitle } = figure;
  const last = points.length - 1;
  const x = (step: number) => Math.round(10 * (LEFT + (step / last) * (WIDTH - LEFT - RIGHT))) / 10;
  const percent = (value: number) => `${Math.round(value * 100)}%`;
  const smoothed = points.map((point, i) => ({ ...point, failRates: recentMeans(points, i) }));
  const psiTicks = ticksTo(
    highest(points, ({ psi, own }) => [...psi.values(), ...own.values()]),
    2,
  );
  const rateTicks = ticksTo(
    highest(smoothed, ({ failRates }) => [...failRates.values()]),
    0.2,
  );
  const panels: Panel[] = [
    {
      top: TOP,
      title: 'PSI against the reference, largest of the creeping parameters',
      ticks: psiTicks,
      format: String,
      seriesOf: ({ psi }) => psi,
    },
    {
      top: TOP + PANEL + GAP,
      title: 'PSI that is the tester’s own, beyond wafers and other testers, largest of all parameters',
      ticks: psiTicks,
      format: String,
      seriesOf: ({ own }) => own,
      limit: { at: 0.25, label: 'limit 0.25' },
    },
    {
      top: TOP + 2 * (PANEL + GAP),
      title: 'Fail rate, mean of the last 6 wafers of each tester',
      ticks: rateTicks,
      format: percent,
      seriesOf: ({ failRates }) => failRates,
      limit: { at: figure.failRateBound, label: 'usual + 3 st. dev.' },
    },
  ];
  const height = TOP + 3 * PANEL + 2 * GAP + 64;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" font-family="system-ui, sans-serif" font-size="12" fill="${INK}" role="img" aria-label="${title}">
<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>
<text x="${LEFT}" y="26" font-size="16" font-weight="600">${title}</text>
<text x="${LEFT}" y="45" fill="${SOFT}">${subtitle}</text>
${panels.map((panel) => panelSvg(panel, smoothed, figure, x)).join('\n')}
${axisSvg(points, x, height - 64)}
</svg>
`;
}

function highest(points: readonly CreepStep[], valuesOf: (point: CreepStep) => number[]): number {
  return Math.max(...points.flatMap(valuesOf));
}

/** 0, one step, two ... up to the first that is not below `value`. */
function ticksTo(value: number, step: number): number[] {
  return Array.from({ length: Math.ceil(value / step) + 1 }, (_, i) => i * step);
}

function recentMeans(points: readonly CreepStep[], at: number): Map<string, number> {
  const recent = points.slice(Math.max(0, at - 5), at + 1);
  return new Map(
    [...(points[at]?.failRates.keys() ?? [])].map((tester) => [
      tester,
      recent.reduce((sum, { failRates }) => sum + (failRates.get(tester) ?? 0), 0) / recent.length,
    ]),
  );
}

function panelSvg(
  panel: Panel,
  points: readonly CreepStep[],
  figure: DriftFigure,
  x: (step: number) => number,
) {
  const { top, title, ticks, format, seriesOf, limit } = panel;
  const max = ticks.at(-1) ?? 1;
  const y = (value: number) => Math.round(10 * (top + PANEL - (value / max) * PANEL)) / 10;
  const right = x(points.length - 1);
  const grid = ticks.map(
    (tick) =>
      `<line x1="${LEFT}" x2="${right}" y1="${y(tick)}" y2="${y(tick)}" stroke="${GRID}"/><text x="${LEFT - 8}" y="${y(tick) + 4}" text-anchor="end" fill="${SOFT}">${format(tick)}</text>`,
  );
  const testers = points.slice(-1).flatMap((point) => [...seriesOf(point).keys()]);
  const others = testers.filter((tester) => tester !== figure.creeping);
  const lines = [...others, figure.creeping].map((tester) => {
    const hot = tester === figure.creeping;
    const path = points.flatMap((point, i) => {
      const value = seriesOf(point).get(tester);
      return value === undefined ? [] : [`${x(i)},${y(value)}`];
    });
    return `<polyline points="${path.join(' ')}" fill="none" stroke="${hot ? HOT : COOL}" stroke-width="${hot ? 2.4 : 1.2}" stroke-opacity="${hot ? 1 : 0.75}" stroke-linejoin="round"/>`;
  });
  const limitLine =
    limit === undefined
      ? ''
      : `<line x1="${LEFT}" x2="${right}" y1="${y(limit.at)}" y2="${y(limit.at)}" stroke="${INK}" stroke-dasharray="4 3"/><text x="${right + 8}" y="${y(limit.at) + 4}">${limit.label}</text>`;
  const marks = [
    mark(figure.creepFrom, 'creep begins', SOFT),
    mark(figure.flagged, 'drift flagged', HOT),
    ...(figure.failsFrom === undefined ? [] : [mark(figure.failsFrom, 'fail rate moves', INK)]),
  ];
  function mark(step: number, label: string, colour: string): string {
    const named =
      top === TOP
        ? `<text x="${x(step) - 5}" y="${top + 16}" text-anchor="end" fill="${colour}">${label}</text>`
        : '';
    return `<line x1="${x(step)}" x2="${x(step)}" y1="${top}" y2="${top + PANEL}" stroke="${colour}" stroke-dasharray="2 3"/>${named}`;
  }
  const key =
    top === TOP
      ? `<text x="${right + 8}" y="${top + 14}" fill="${HOT}" font-weight="600">${figure.creeping}, which creeps</text><text x="${right + 8}" y="${top + 32}" fill="${COOL}">${others.join(', ')}</text>`
      : '';
  return `<g><text x="${LEFT}" y="${top - 10}" font-weight="600">${title}</text>${grid.join('')}${limitLine}${marks.join('')}${lines.join('')}${key}</g>`;
}

function axisSvg(points: readonly CreepStep[], x: (step: number) => number, top: number): string {
  const labels = points.flatMap(({ sigmas }, step) => {
    if (step % 12 !== 0) return [];
    const offset = sigmas === 0 ? '0' : `${sigmas.toFixed(1)}σ`;
    return `<text x="${x(step)}" y="${top + 18}" text-anchor="middle" fill="${SOFT}">${step / 12} h</text><text x="${x(step)}" y="${top + 34}" text-anchor="middle" fill="${SOFT}">${offset}</text>`;
  });
  const right = x(points.length - 1);
  return `<g>${labels.join('')}<text x="${right + 8}" y="${top + 18}" fill="${SOFT}">time</text><text x="${right + 8}" y="${top + 34}" fill="${SOFT}">offset by now</text></g>`;
}
