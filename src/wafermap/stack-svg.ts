import { blankWafers, CENTERS, colored, HEIGHT, heading, picture, placed, RADIUS } from './drawing.js';
import { fitted, outline } from './geometry.js';
import { gridOf, type PlacedDie } from './grid.js';
import { INK, MUTED, NO_SCORE_COLOR, SHARE_COLORS } from './palette.js';
import { partText } from './report-table.js';
import type { StackedPlace, WaferStack } from './stack.js';
import { escaped, shareText } from './text.js';

/** Fails at each place over the wafers of a lot: the tester's on the left, the model's on the right, by one scale. */
export function stackSvg(stack: WaferStack): string {
  const grid = gridOf(stack.map);
  const geometry = fitted(grid, RADIUS);
  const [left, right] = CENTERS;
  const places = grid.dies.map(({ die }) => stack.placeOf(die));
  const most = Math.max(
    0.01,
    places.reduce((max, place) => Math.max(max, testerShare(place) ?? 0, modelShare(place) ?? 0), 0),
  );
  const colors = (share: (place: StackedPlace) => number | undefined) =>
    colored(grid.dies, geometry, ({ die }) => colorOf(share(stack.placeOf(die)), most));
  const twin = (right - left) / geometry.dieWidth;
  return picture(
    `Stacked wafers of lot ${stack.lotId ?? ''}`,
    INK,
    `${heading(left, 'Failed by the tester')}${heading(right, 'Failed by the model, of the scored')}
${blankWafers(grid, geometry, outline(geometry, stack.map.flat))}
${placed(geometry, left, colors(testerShare))}
${placed(geometry, right, colors(modelShare))}
${placed(geometry, left, grid.dies.map((die) => tipped(die, stack.placeOf(die.die), twin)).join('\n'), ' fill="#000" fill-opacity="0"')}
${legend(most, left)}${legend(most, right)}`,
  );
}

function testerShare({ testerFails, wafers }: StackedPlace): number | undefined {
  return wafers === 0 ? undefined : testerFails / wafers;
}

function modelShare({ modelFails, scored }: StackedPlace): number | undefined {
  return scored === 0 ? undefined : modelFails / scored;
}

/** The first colour is "none"; the others are equal steps up to the largest share of the lot. */
function colorOf(share: number | undefined, most: number): string {
  if (share === undefined) return NO_SCORE_COLOR;
  const steps = SHARE_COLORS.length - 1;
  return SHARE_COLORS[Math.min(steps, Math.ceil((share / most) * steps - 1e-9))] ?? NO_SCORE_COLOR;
}

function tipped({ die, column, row }: PlacedDie, place: StackedPlace, twin: number): string {
  const tip = [
    `x ${die.x}, y ${die.y}`,
    `tester failed ${partText(place.testerFails, place.wafers)} wafers`,
    `model failed ${partText(place.modelFails, place.scored)} scored`,
  ].join('\n');
  const second = Number((column + twin).toFixed(2));
  return `<path class="die" d="M${column} ${row}h1v1h-1zM${second} ${row}h1v1h-1z"><title>${escaped(tip)}</title></path>`;
}

const BAR = 52;
const TOP = HEIGHT - 44;

function legend(most: number, center: number): string {
  const left = center - (SHARE_COLORS.length * BAR) / 2;
  const steps = SHARE_COLORS.length - 1;
  const bars = SHARE_COLORS.map(
    (color, i) => `<rect x="${left + i * BAR}" y="${TOP}" width="${BAR}" height="14" fill="${color}"/>`,
  );
  const labels = SHARE_COLORS.map((_, i) => {
    const text = i === 0 ? 'none' : `\u2264 ${shareText((most * i) / steps)}`;
    return `<text x="${left + (i + 0.5) * BAR}" y="${TOP + 32}" text-anchor="middle">${text}</text>`;
  });
  return `${bars.join('')}<g font-size="11" fill="${MUTED}">${labels.join('')}</g>`;
}
