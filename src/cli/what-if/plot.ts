import { SHARES_GIVEN_UP, type WhatIfPoint } from '../../screens/what-if.js';

/** A screen and what it does at its thresholds, those with the fewest dies given up first. */
export interface ScreenCurve {
  readonly screen: string;
  readonly points: readonly WhatIfPoint[];
}

const [WIDTH, HEIGHT, MARGIN] = [640, 400, 56];
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9'];

/** Caught over given up as an SVG of its own: whole lines fails of the tester, broken ones fails of a later insertion. */
export function whatIfPlot(curves: readonly ScreenCurve[]): string {
  const ticks = SHARES_GIVEN_UP.map((share) => {
    const x = acrossOf(share);
    return `<line x1="${x}" y1="${MARGIN / 2}" x2="${x}" y2="${HEIGHT - MARGIN}" stroke="#ddd"/><text x="${x}" y="${HEIGHT - MARGIN + 16}" text-anchor="middle">${+(100 * share).toFixed(2)}%</text>`;
  });
  const levels = [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const y = upOf(share);
    return `<line x1="${MARGIN}" y1="${y}" x2="${WIDTH - 16}" y2="${y}" stroke="#ddd"/><text x="${MARGIN - 6}" y="${y + 4}" text-anchor="end">${100 * share}%</text>`;
  });
  const lines = curves.flatMap(({ screen, points }, i) => {
    const colour = COLOURS[i % COLOURS.length] ?? '#000';
    const drawn = points.filter(({ passing, givenUp }) => passing > 0 && givenUp > 0);
    return [
      line(drawn, (point) => share(point.caught, point.failing), `stroke="${colour}"`),
      line(
        drawn,
        (point) => share(point.escapesCaught, point.escapes),
        `stroke="${colour}" stroke-dasharray="6 4"`,
      ),
      `<text x="${WIDTH - 20}" y="${HEIGHT - MARGIN - 10 - 16 * (curves.length - 1 - i)}" text-anchor="end" fill="${colour}">${escaped(screen)}</text>`,
    ];
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">
<title>Fails caught over passing dies given up</title>
<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>
${[...ticks, ...levels, ...lines].join('\n')}
<text x="${(WIDTH + MARGIN) / 2}" y="${HEIGHT - 16}" text-anchor="middle">passing dies given up</text>
<text x="14" y="${HEIGHT / 2}" text-anchor="middle" transform="rotate(-90 14 ${HEIGHT / 2})">fails caught (broken: of a later insertion)</text>
</svg>
`;
}

function share(part: number, whole: number): number | undefined {
  return whole === 0 ? undefined : part / whole;
}

function line(
  points: readonly WhatIfPoint[],
  caught: (point: WhatIfPoint) => number | undefined,
  style: string,
): string {
  const at = points.flatMap((point) => {
    const height = caught(point);
    return height === undefined ? [] : [`${acrossOf(point.givenUp / point.passing)},${upOf(height)}`];
  });
  return at.length === 0 ? '' : `<polyline points="${at.join(' ')}" fill="none" stroke-width="2" ${style}/>`;
}

/** By the logarithm, a little beyond the shares of the ticks. */
function acrossOf(given: number): number {
  const [low, high] = [Math.log(0.0008), Math.log(0.08)];
  const part = (Math.log(Math.min(0.08, Math.max(0.0008, given))) - low) / (high - low);
  return Math.round(MARGIN + part * (WIDTH - 16 - MARGIN));
}

function upOf(caught: number): number {
  return Math.round(HEIGHT - MARGIN - caught * (HEIGHT - 1.5 * MARGIN));
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
