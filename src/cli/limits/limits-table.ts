import { percent } from '../output.js';
import { type Column, tableLines } from '../table.js';
import type { GroupLimits, TestLimitsFound } from './test-limits.js';

const HEADER = [
  'group',
  'test_number',
  'test',
  'unit',
  'shape',
  'values',
  'median',
  'robust_sigma',
  'low',
  'high',
  'program_low',
  'program_high',
  'beyond',
  'yield_cost',
];

/** RFC 4180, a line for each test of each group; what there is not is empty. */
export function limitsAsCsv(groups: readonly GroupLimits[]): string {
  const rows = groups.flatMap(({ name, tests }) =>
    tests.map(({ testNumber, name: test, unit, limits, lowLimit, highLimit, beyond }) => [
      ...[name, testNumber, test, unit, limits.shape, limits.values],
      ...[limits.median, limits.sigma, limits.low, limits.high].map(shown),
      ...[lowLimit, highLimit, beyond, limits.values === 0 ? undefined : shown(beyond / limits.values)],
    ]),
  );
  return [HEADER, ...rows].map((row) => `${row.map(cell).join(',')}\r\n`).join('');
}

function shown(value: number | undefined): number | undefined {
  return value === undefined || Number.isNaN(value) ? undefined : Number(value.toPrecision(7));
}

function cell(value: string | number | undefined): string {
  const text = String(value ?? '');
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

const MOST_SHOWN = 10;

/** For people: what each group costs, and the tests that cost most. */
export function describeLimits(out: string, groups: readonly GroupLimits[]): string {
  const lines = groups.map(
    ({ name, passing, beyond, tests }) =>
      `  ${name}: ${beyond} of ${passing} passing dies are beyond the limits of a test (${percent(beyond / passing)}); ${shapesOf(tests)}`,
  );
  const costly = groups
    .flatMap(({ name, tests }) => tests.map((test) => ({ group: name, ...test })))
    .filter(({ beyond }) => beyond > 0)
    .sort((a, b) => b.beyond - a.beyond)
    .slice(0, MOST_SHOWN);
  const most =
    costly.length === 0
      ? []
      : ['  tests that cost most:', ...tableLines(COLUMNS, costly).map((line) => `    ${line}`)];
  return `${[`${out}: limits of ${groups.reduce((sum, { tests }) => sum + tests.length, 0)} tests`, ...lines, ...most].join('\n')}\n`;
}

function shapesOf(tests: readonly TestLimitsFound[]): string {
  const counts = new Map<string, number>();
  for (const { limits } of tests) counts.set(limits.shape, (counts.get(limits.shape) ?? 0) + 1);
  return [...counts].map(([shape, count]) => `${count} ${shape}`).join(', ');
}

const COLUMNS: readonly Column<TestLimitsFound & { readonly group: string }>[] = [
  { title: 'group', align: 'left', text: ({ group }) => group },
  { title: 'test', align: 'left', text: ({ name }) => name },
  { title: 'shape', align: 'left', text: ({ limits }) => limits.shape },
  { title: 'low', align: 'right', text: ({ limits }) => String(shown(limits.low) ?? '') },
  { title: 'high', align: 'right', text: ({ limits }) => String(shown(limits.high) ?? '') },
  { title: 'beyond', align: 'right', text: ({ beyond }) => String(beyond) },
];
