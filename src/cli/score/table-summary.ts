import type { ModelVersion } from '../../models/model-version.js';
import { htmlReport } from '../../wafermap/html-report.js';
import { countText, shareText } from '../../wafermap/text.js';
import { agreementOf, reasonsNotScored } from './agreement.js';
import { driftTables, reviewTable } from './findings-tables.js';
import { floorRateJson, floorRateNotes } from './floor-rate.js';
import { outcomeColumns, type PredictionRow } from './prediction-row.js';
import type { TableFindings } from './report.js';
import type { ScoredTable, ScoredTableRow } from './score-table.js';
import { describeAgreement, modelLines } from './summary.js';
import { mapsOfTables } from './table-maps.js';

/** What `score` prints of tables for machines. */
export function tablesAsJson(tables: readonly ScoredTable[], version: ModelVersion) {
  return {
    model: version.key,
    threshold: version.manifest.threshold,
    baseRate: floorRateJson(version),
    files: tables.map(({ file, rows }) => ({
      file,
      lots: [...new Set(rows.map(({ label }) => label.lot_id ?? null))],
      parts: agreementOf(rows),
    })),
  };
}

/** What `score` prints of tables for people. */
export function describeTables(tables: readonly ScoredTable[], version: ModelVersion): string {
  const lines = tables.flatMap(({ file, rows }) => [
    `${file}:`,
    ...modelLines(version),
    ...describeAgreement(agreementOf(rows), 'rows'),
  ]);
  return `${lines.join('\n')}\n`;
}

/** The HTML page of tables: their figures and, where they have coordinates, their wafers. */
export function tablesReport(
  tables: readonly ScoredTable[],
  version: ModelVersion,
  { drift, review }: TableFindings,
): string {
  const all = agreementOf(tables.flatMap(({ rows }) => rows));
  return htmlReport({
    title: `${tables.map(({ file }) => file).join(', ')} scored by ${version.key}`,
    wafers: mapsOfTables(tables, version),
    tables: drift === undefined ? [] : driftTables(drift),
    details: [reviewTable(review)],
    summary: {
      facts: [
        ['model', version.key],
        ['threshold', String(version.manifest.threshold)],
        ['rows', countText(all.parts)],
        ['scored', countText(all.scored)],
        ['failed by the model', `${countText(all.predictedFail)} (${shareText(all.failRate)})`],
      ],
      notes: [
        ...floorRateNotes(version),
        'A table does not say which way x and y grow: maps are drawn with x to the right and y upwards.',
        ...reasonsNotScored(all).map(([why, count]) => `${countText(count)} rows were not scored: ${why}.`),
      ],
    },
  });
}

/** A line of --out for each row. */
export function* tableRows(
  tables: readonly ScoredTable[],
  version: ModelVersion,
  explained: boolean,
): Generator<PredictionRow, void, void> {
  for (const { file, rows } of tables) for (const row of rows) yield rowOf(row, file, version, explained);
}

function rowOf(row: ScoredTableRow, file: string, version: ModelVersion, explained: boolean): PredictionRow {
  const { label, outcome, part } = row;
  return {
    file,
    die_id: label.die_id,
    lot_id: label.lot_id ?? null,
    wafer_id: label.wafer_id ?? null,
    part_index: row.index,
    part_id: null,
    x: label.x ?? null,
    y: label.y ?? null,
    head: null,
    site: row.site !== undefined && /^\d{1,3}$/.test(row.site) ? Number(row.site) : null,
    touchdown: 1,
    hard_bin: row.hardBin ?? null,
    soft_bin: row.softBin ?? null,
    tester: part.verdict === 'none' ? null : part.verdict,
    measured: row.measured,
    ...outcomeColumns(outcome, version, explained),
  };
}
