import { writeFile } from 'node:fs/promises';
import { createLotDriftCounter, type LotDriftCounter } from '../../drift/lot-drift.js';
import { Fault } from '../../errors.js';
import type { ModelVersion } from '../../models/model-version.js';
import { isTable } from '../../training/table/table-records.js';
import { terminalWaferMap } from '../../wafermap/terminal.js';
import { type CommandStreams, createProgress } from '../output.js';
import { terminalOf } from '../terminal.js';
import { written } from '../writable.js';
import { withEngine } from './engine.js';
import { findingsAsJson, findingsText } from './findings-text.js';
import { mapFilesOf, writeMapFiles } from './map-files.js';
import type { MapOptions } from './map-options.js';
import { foundRow, reviewOf } from './review.js';
import { type ScoredTable, type ScoreTableOptions, scoreTable } from './score-table.js';
import { mapsOfTables } from './table-maps.js';
import { describeTables, tableRows, tablesAsJson, tablesReport } from './table-summary.js';
import type { PredictionWriter } from './write-predictions.js';

interface ScoreTablesOptions {
  readonly out?: string;
  readonly report?: string;
  readonly json?: true;
  /** Explain each decision with so many parameters, and whether that was asked for. */
  readonly k: number;
  readonly explained: boolean;
  /** Dies to list for an engineer; 0 for none. */
  readonly reviewed: number;
  readonly maps: MapOptions | undefined;
  readonly write: PredictionWriter | undefined;
  readonly streams: CommandStreams;
  readonly workerEntry: string | undefined;
}

/**
 * Whether all of the files are tables.
 * @throws Fault `invalid_usage` where only some are: a table has no touchdowns, so they cannot be one call
 */
export async function areTables(files: readonly string[]): Promise<boolean> {
  const tables = await Promise.all(files.map(isTable));
  if (tables.every((table) => !table)) return false;
  const lot = files.find((_, i) => tables[i] === false);
  if (lot === undefined) return true;
  throw new Fault('invalid_usage', [
    `${lot} is no table, but other files are: expected either tables (.csv, .csv.gz, .parquet) or lot files in one call`,
  ]);
}

/** `diegate score` of tables. */
export async function scoreTables(
  files: readonly string[],
  version: ModelVersion,
  options: ScoreTablesOptions,
): Promise<void> {
  const { out, report, write, maps, reviewed, streams } = options;
  const counter = options.json || report !== undefined ? createLotDriftCounter(version) : undefined;
  const tables = await scoreAll(files, version, options, counter);
  const dies = reviewed === 0 ? [] : tables.flatMap(({ rows }) => rows.map(foundRow));
  const findings = {
    drift: counter?.finish(),
    review: reviewOf(dies, version.manifest.threshold, reviewed),
  };
  const wafers = mapsOfTables(tables, version);
  const mapped = wafers.map((wafer) => ({
    wafer,
    product: undefined,
    hardBins: [],
    softBins: [],
    size: NO_SIZE,
  }));
  const mapFiles = maps === undefined ? [] : mapFilesOf(mapped, version, maps);
  if (write !== undefined && out !== undefined) {
    await written(out, write(out, tableRows(tables, version, options.explained)));
  }
  if (report !== undefined) await written(report, writeFile(report, tablesReport(tables, version, findings)));
  if (maps !== undefined) await written(maps.folder, writeMapFiles(mapFiles, maps));
  const names = mapFiles.map(({ file }) => file);
  if (options.json) {
    streams.stdout.write(
      `${JSON.stringify({ ...tablesAsJson(tables, version), ...findingsAsJson(findings, reviewed > 0), ...(maps && { mapFiles: names }) })}\n`,
    );
    return;
  }
  const terminal = terminalOf(streams.stdout);
  const drawn = terminal === undefined ? [] : wafers.map((map) => `${terminalWaferMap(map, terminal)}\n`);
  const none =
    maps !== undefined && names.length === 0 ? ['no map file written: no die has coordinates\n'] : [];
  const lines = [out, report, ...names].flatMap((file) => (file === undefined ? [] : [`written: ${file}\n`]));
  streams.stdout.write(
    [...drawn, describeTables(tables, version), ...lines, ...findingsText(findings), ...none].join(''),
  );
}

const NO_SIZE = { step: undefined, diameterMm: undefined };

/** Drift is counted by tester, site and wafer, as far as the columns say. */
function countInto(counter: LotDriftCounter): ScoreTableOptions['onScored'] {
  return ({ label, site }, params, row) => {
    const { lot_id: lot, wafer_id: wafer, equipment_id: equipment } = label;
    counter.count({
      ...{ params, row, equipment: equipment ?? undefined, site: site ?? 'unnamed' },
      wafer: wafer === undefined ? undefined : `${lot ?? ''}|${wafer}`,
    });
  };
}

async function scoreAll(
  files: readonly string[],
  version: ModelVersion,
  { k, streams, workerEntry }: ScoreTablesOptions,
  counter: LotDriftCounter | undefined,
): Promise<readonly ScoredTable[]> {
  const progress = createProgress(streams);
  try {
    progress.show(`loading ${version.key}`);
    return await withEngine({ version, workerEntry }, async (engine) => {
      const tables: ScoredTable[] = [];
      for (const file of files) {
        const onScored = counter && countInto(counter);
        tables.push(
          await scoreTable({ file, version, engine, explain: k, onProgress: progress.show, onScored }),
        );
      }
      return tables;
    });
  } finally {
    progress.clear();
  }
}
