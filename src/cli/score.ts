import { writeFile } from 'node:fs/promises';
import { Command } from 'commander';
import { createLotDriftCounter, type LotDriftCounter } from '../drift/lot-drift.js';
import { Fault } from '../errors.js';
import type { MeasuredPart } from '../lots/measure-part.js';
import type { TestNaming } from '../lots/tests/test-identity.js';
import { contributionsName } from '../models/manifest/fetched-outputs.js';
import type { ModelVersion } from '../models/model-version.js';
import { terminalWaferMap } from '../wafermap/terminal.js';
import { lotBytes } from './lot-file.js';
import { createOptionReader } from './options.js';
import { type CommandStreams, createProgress, PROCESS_STREAMS } from './output.js';
import { lastTouchdowns } from './score/agreement.js';
import { withEngine } from './score/engine.js';
import { findingsAsJson, findingsText } from './score/findings-text.js';
import { atFloorRate } from './score/floor-rate.js';
import { createLotWatch, type LotSayings, type LotWatch } from './score/lot-watch.js';
import { mapFilesOf, mappedWafers, writeMapFiles } from './score/map-files.js';
import { type MapArguments, type MapOptions, mapOptionsOf } from './score/map-options.js';
import { type PredictionRow, predictionRows } from './score/prediction-row.js';
import { mapsOf, scoreReport } from './score/report.js';
import { foundPart, reviewOf } from './score/review.js';
import { type ScoredLot, scoreLots } from './score/score-lot.js';
import { areTables, scoreTables } from './score/score-tables.js';
import { describeScored, scoreAsJson } from './score/summary.js';
import { writerFor } from './score/write-predictions.js';
import { terminalOf } from './terminal.js';
import { NAMING_HELP, readTestNaming } from './test-naming.js';
import { tellingRefusals } from './tests-refused.js';
import { versionAt } from './version-at.js';
import { assertFolderWritable, assertWritable, written } from './writable.js';

const EXAMPLES = `
Examples:
  $ diegate score lot.stdf.gz --model models/my-product/1
  $ diegate score lot.stdf.gz --model models/my-product/1 --out predictions.csv --report report.html
  $ diegate score wafer1.stdf wafer2.stdf --model models/my-product/1 --out predictions.parquet --explain 5
  $ diegate score lot.stdf.gz --model models/my-product/1 --json | jq .lots[0].dies.caughtRate
  $ diegate score lot.csv --model models/my-product/1 --out predictions.csv
  $ diegate score lot.stdf.gz --model models/my-product/1 --map e142 --map-out maps --map-fail-bin 99

No server is needed: the model runs in a worker process of this command. Every part of the file has a
line in --out; one that was not scored says why. Files with one LOT_ID, SBLOT_ID and TEST_COD are one lot: a die that is tested again counts by its last
touchdown. A file that holds several lots is several.

A test is found by number and name, one of several values (MPR) by its pin or position. A lot whose tests
have other names or units than the model's is refused with both sides named; a unit with another prefix is
converted. --map and --strip-name say what is called otherwise.

A damaged file is scored as far as it can be read, and
the summary says what was damaged.

Of a table the columns with the names of the model's parameters are read, and where they are there die_id,
lot_id, wafer_id, x, y, equipment_id, site, hard_bin, soft_bin and label. --review takes lot files only.

--map writes one file a wafer for assembly, named by lot and wafer: the tester's bins, dies that the model
fails in a bin of their own where --map-fail-bin names one. Each file is read back before it counts as
written.

Exit code 0: scored. 1: a file cannot be read or is not STDF V4, the model cannot be loaded or reads
tests that the lot does not have, or the options are wrong; nothing is written then.`;

/** Tests named in a report where --explain does not say how many. */
const REPORT_REASONS = 3;

interface ScoreCommandOptions {
  readonly streams?: CommandStreams;
  /** Compiled module that the worker process runs; another one only in tests. */
  readonly workerEntry?: string;
}

interface ScoreArguments extends Omit<MapArguments, 'map'> {
  readonly model: string;
  /** A table of renamed tests (.csv), the format of wafer map files, or both. */
  readonly map?: readonly string[];
  readonly stripName?: string;
  readonly out?: string;
  readonly report?: string;
  readonly explain?: string;
  readonly review?: string;
  readonly baseRate?: string;
  readonly json?: true;
}

/** `diegate score`. */
export function scoreCommand({ streams = PROCESS_STREAMS, workerEntry }: ScoreCommandOptions = {}): Command {
  return new Command('score')
    .description('score the parts of STDF lot files without a server, and draw their wafer maps')
    .argument(
      '<file...>',
      'STDF V4 files, plain or packed (gzip, bzip2, xz, zstd, zip), - for standard input; or tables: .csv, .csv.gz, .parquet',
    )
    .requiredOption('--model <folder>', 'model version: models/<name>/<version>')
    .option('--out <file>', 'predictions to write: .csv, .ndjson or .parquet')
    .option('--report <file>', 'HTML page to write: summary and wafer maps, needs no network')
    .option('--explain <k>', 'name the k tests that contributed most to each decision')
    .option('--review <n>', 'list n dies for an engineer: half nearest to the threshold, half at random')
    .option(
      '--map <tests.csv>',
      `${NAMING_HELP.map}; or sinf, g85 or e142: wafer map files to write`,
      collect,
    )
    .option('--strip-name <regexp>', NAMING_HELP.stripName)
    .option('--map-out <folder>', 'folder for the map files, made if need be')
    .option('--map-bins <which>', 'bins of the map files: hard or soft (default: hard)')
    .option('--map-fail-bin <bin>', 'bin of dies that the tester passed and the model fails')
    .option('--map-reference <x,y>', 'coordinates of the reference die, as the tester counts')
    .option(
      '--base-rate <share>',
      'share of failing dies on this floor that confidences are to be right for (default: that of the training)',
    )
    .option('--json', 'print the summary as JSON')
    .addHelpText('after', EXAMPLES)
    .action((files: string[], options: ScoreArguments) => score(files, options, streams, workerEntry));
}

async function score(
  files: readonly string[],
  options: ScoreArguments,
  streams: CommandStreams,
  workerEntry: string | undefined,
): Promise<void> {
  const read = createOptionReader();
  const asked = options.explain === undefined ? 0 : read.wholeNumber('--explain', options.explain, 1, 65_536);
  const reviewed = options.review === undefined ? 0 : read.wholeNumber('--review', options.review, 1, 10_000);
  read.finish();
  const write = options.out === undefined ? undefined : writerFor(options.out);
  const { map: given = [], ...others } = options;
  const [format] = given.filter((each) => !isTable(each));
  const [tests, ...more] = given.filter(isTable);
  if (more.length > 0)
    throw new Fault('invalid_usage', [`--map: found ${tests} and ${more.join(', ')}, expected one table`]);
  const maps = mapOptionsOf({ ...others, ...(format !== undefined && { map: format }) });
  if (maps !== undefined) await assertFolderWritable('--map-out', maps.folder);
  await assertWritable({ '--out': options.out, '--report': options.report }, files);
  const version = atFloorRate(await versionAt(options.model), options.baseRate);
  const k = explainable(version, asked, options.report !== undefined || reviewed > 0);
  if (await areTables(files)) {
    const shared = { k, explained: asked > 0, reviewed, maps, write, streams, workerEntry };
    return scoreTables(files, version, { ...options, ...shared });
  }
  const counter = options.json || options.report !== undefined ? createLotDriftCounter(version) : undefined;
  const naming = await readTestNaming(
    { map: tests, stripName: options.stripName },
    version.manifest.input.stripName,
  );
  const watch = createLotWatch({ results: options.report !== undefined });
  const scoring = scoreAll(files, { version, explain: k, naming, streams, workerEntry, counter, watch });
  const lots = await (options.json ? tellingRefusals(scoring, version, streams) : scoring);
  const findings = {
    drift: counter?.finish(),
    sayings: watch.finish(),
    review: reviewOf(
      reviewed === 0 ? [] : lots.flatMap(({ parts }) => Array.from(lastTouchdowns(parts), foundPart)),
      version.manifest.threshold,
      reviewed,
    ),
  };
  const mapFiles = maps === undefined ? [] : mapFilesOf(mappedWafers(lots, version), version, maps);
  if (write !== undefined && options.out !== undefined) {
    await written(options.out, write(options.out, rowsOf(lots, version, asked > 0)));
  }
  if (options.report !== undefined) {
    await written(options.report, writeFile(options.report, scoreReport(lots, version, findings)));
  }
  if (maps !== undefined) await written(maps.folder, writeMapFiles(mapFiles, maps));
  const mapNames = mapFiles.map(({ file }) => file);
  streams.stdout.write(
    options.json
      ? `${JSON.stringify({ ...scoreAsJson(lots, version, findings.sayings), ...findingsAsJson(findings, reviewed > 0), ...(maps && { mapFiles: mapNames }) })}\n`
      : [
          ...toRead(lots, version, findings.sayings, options, streams),
          ...findingsText(findings),
          ...mapLines(mapNames, maps),
        ].join(''),
  );
}

function isTable(map: string): boolean {
  return /\.csv$/i.test(map);
}

function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

interface ScoreAllOptions {
  readonly version: ModelVersion;
  readonly explain: number;
  readonly naming: TestNaming;
  readonly streams: CommandStreams;
  readonly workerEntry: string | undefined;
  readonly counter: LotDriftCounter | undefined;
  readonly watch: LotWatch;
}

async function scoreAll(
  files: readonly string[],
  { version, explain, naming, streams, workerEntry, counter, watch }: ScoreAllOptions,
): Promise<ScoredLot[]> {
  const progress = createProgress(streams);
  try {
    progress.show(`loading ${version.key}`);
    return await withEngine({ version, workerEntry }, async (engine) => {
      const onScored = counter && countInto(counter);
      const bytesOf = (file: string) => lotBytes(file, progress.show);
      return scoreLots({ files, bytesOf, version, engine, explain, naming, onScored, onPart: watch.add });
    });
  } finally {
    progress.clear();
  }
}

/** Drift is counted by tester, head and site, and wafer. */
function countInto(counter: LotDriftCounter): (die: MeasuredPart, row: Float32Array) => void {
  return ({ label, part, params }, row) => {
    const { lot_id: lot, wafer_id: wafer, equipment_id: equipment } = label;
    counter.count({
      ...{ params, row, equipment: equipment ?? undefined },
      site: `${part.headNum}/${part.siteNum}`,
      wafer: part.wafer === undefined ? undefined : `${lot ?? ''}|${wafer ?? part.wafer.index}`,
    });
  };
}

/** Wafer maps on a terminal, the summary, and what was written. */
function toRead(
  lots: readonly ScoredLot[],
  version: ModelVersion,
  sayings: LotSayings,
  { out, report }: ScoreArguments,
  { stdout }: CommandStreams,
): string[] {
  const terminal = terminalOf(stdout);
  const maps =
    terminal === undefined ? [] : mapsOf(lots, version).map((map) => terminalWaferMap(map, terminal));
  const files = [out, report].filter((file) => file !== undefined);
  return [
    ...maps.map((map) => `${map}\n`),
    describeScored(lots, version, sayings),
    ...files.map((file) => `written: ${file}\n`),
  ];
}

/** What was written of map files, also that it is none. */
function mapLines(files: readonly string[], maps: MapOptions | undefined): string[] {
  if (maps === undefined) return [];
  if (files.length === 0) return ['no map file written: no die has coordinates\n'];
  return files.map((file) => `written: ${file}\n`);
}

/**
 * How many tests to explain each decision with: as many as were asked for, else a few where a report
 * shows them and the model can tell.
 * @throws Fault `invalid_usage` when --explain asks for what the model cannot do
 */
function explainable({ key, manifest }: ModelVersion, asked: number, report: boolean): number {
  const can = contributionsName(manifest) !== undefined;
  if (asked > 0 && !can) {
    throw new Fault('invalid_usage', [
      `--explain: model ${key} has no contributions output, so it cannot explain a decision`,
    ]);
  }
  return asked > 0 ? asked : report && can ? REPORT_REASONS : 0;
}

function* rowsOf(
  lots: readonly ScoredLot[],
  version: ModelVersion,
  explained: boolean,
): Generator<PredictionRow, void, void> {
  for (const lot of lots) yield* predictionRows(lot, version, explained);
}
