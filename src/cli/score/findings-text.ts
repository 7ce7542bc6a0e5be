import { printable } from '../../wafermap/text.js';
import { tableLines } from '../table.js';
import { reviewTable } from './findings-tables.js';
import type { TableFindings } from './report.js';
import { reviewAsJson } from './review.js';

/** Drift and, where it was asked for, the dies to look at, for machines. */
export function findingsAsJson({ drift, review }: TableFindings, reviewed: boolean) {
  return { drift: drift ?? null, ...(reviewed && { review: reviewAsJson(review) }) };
}

/** What of it is said to people: one sentence of drift, and the dies to look at. */
export function findingsText({ drift, review }: TableFindings): string[] {
  const { columns, rows, note } = reviewTable(review);
  const lines = tableLines(
    columns.map(({ title, align }, i) => ({ title, align, text: (row: readonly string[]) => row[i] ?? '' })),
    rows,
  );
  return [
    ...(drift === undefined ? [] : [`drift: ${drift.sentence}\n`]),
    ...(rows.length === 0 ? [] : [`for review, ${note}:\n`, ...lines.map((line) => `${line}\n`)]),
  ].map((line) => `${printable(line.trimEnd())}\n`);
}
