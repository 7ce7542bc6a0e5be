import { type Figure, keepsBound } from './scenarios/scenario.js';

/** The head of a table of figures. */
export const FIGURE_TABLE_HEAD = '| figure | measured | required | |\n|---|---|---|---|';

/** A figure as a row of that table. */
export function figureRow(figure: Figure): string {
  const { name, value, unit, atLeast, atMost } = figure;
  const required = atLeast !== undefined ? `≥ ${atLeast}` : atMost !== undefined ? `≤ ${atMost}` : '';
  const verdict = required === '' ? '' : keepsBound(figure) ? 'ok' : 'MISSED';
  return `| ${name} | ${shown(value)} ${unit} | ${required} | ${verdict} |`;
}

function shown(value: number): string {
  if (Number.isInteger(value)) return value.toLocaleString('en-US');
  return value >= 100 ? Math.round(value).toLocaleString('en-US') : value.toPrecision(3);
}
