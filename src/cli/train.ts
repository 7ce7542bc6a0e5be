import { Command, Option } from 'commander';
import { z } from 'zod';
import { Fault } from '../errors.js';
import type { CountingTouchdown } from '../training/lots/lot-account.js';
import { SCREEN_KINDS, type ScreenKind } from '../training/screen/screen.js';
import { trainFiles } from '../training/train-files.js';
import { trainLots } from '../training/train-lots.js';
import { DEFAULT_FALSE_ALARM_RATE } from '../training/train-version.js';
import type { ScoreDies } from '../training/version/check-graph.js';
import { DIEGATE_VERSION } from '../version.js';
import { createOptionReader } from './options.js';
import { type CommandStreams, createProgress, PROCESS_STREAMS } from './output.js';
import { NAMING_HELP, readTestNaming } from './test-naming.js';
import { describeTrained, trainedAsJson } from './trained-summary.js';
import { refuseOtherFormat, trainingFormat } from './training-format.js';

const EXAMPLES = `
Examples:
  $ diegate train lot.csv --out models/my-product/1
  $ diegate train week1.csv week2.csv.gz --label result --out models/my-product/2
  $ diegate train secom.csv --parameters s000..s511 --rows 1..300 --out models/secom/1
  $ diegate train lot1.stdf.gz lot2.stdf.gz --out models/my-product/3

STDF lots are told by their content or by the names .stdf and .std. Dies that the tester passed are learnt
from; parts without parametric results are left out, and so are tests with too few results or no variance.
Of a die tested more than once the last touchdown counts (--touchdown first: the first one), across files
of one lot too. A parameter is a test by its number and name, one of several values (MPR) by its pin or
position; units and limits are those of the first file, others are converted. --strip-name is remembered
in the manifest, so that score and replay do the same.

A CSV or Parquet file has a header row and one die a line; an empty cell is a missing value. Labels are pass or fail,
0 or 1, -1 or 1 (1 is fail); without a label column every die counts as good. Only good dies are
learnt from. With lot_id or wafer_id columns whole lots or wafers are held out to measure on.

All dies are held in memory: 140 MB, and 11 bytes for each value. 51,000 dies of 512 tests take 420 MB and
three quarters of a minute; --sample learns from fewer.`;

interface TrainCommandOptions {
  /** Runs the written graph, so that it is proven before it is kept. */
  readonly scoreDies: ScoreDies;
  readonly streams?: CommandStreams;
}

interface TrainArguments {
  readonly out: string;
  readonly label?: string;
  readonly parameters?: string;
  readonly rows?: string;
  readonly parameterTable?: string;
  readonly touchdown?: CountingTouchdown;
  readonly x?: string;
  readonly sample?: string;
  readonly functional?: true;
  readonly map?: string;
  readonly stripName?: string;
  readonly missing?: 'reject' | 'impute';
  readonly falseAlarmRate: string;
  readonly screen?: ScreenKind;
  readonly components?: string;
  readonly created?: string;
  readonly dataDescription?: string;
  readonly force?: true;
  readonly json?: true;
}

/** `diegate train`. */
export function trainCommand({ scoreDies, streams = PROCESS_STREAMS }: TrainCommandOptions): Command {
  return new Command('train')
    .description('fit the multivariate outlier screen to good dies and write a model version')
    .argument(
      '<file...>',
      'STDF lots, or CSV or Parquet files of dies, all with the same columns; .gz is unpacked',
    )
    .requiredOption('--out <folder>', 'version folder to write: models/<name>/<version>')
    .option('--label <column>', 'CSV: column that says pass or fail (default: label, if there is one)')
    .option(
      '--parameters <columns>',
      'CSV: names or ranges such as s000..s511 (default: all columns of numbers)',
    )
    .option('--rows <rows>', 'CSV: dies to take, from 1, such as 1..300 (default: all)')
    .option('--parameter-table <file>', 'CSV: table with name, unit, test_number, low_limit, high_limit')
    .addOption(
      new Option('--touchdown <which>', 'STDF: which touchdown of a die counts (default: last)').choices([
        'first',
        'last',
      ]),
    )
    .option('--x <range>', 'STDF: columns of the wafer to take, such as 4..24 (default: all)')
    .option(
      '--sample <n>',
      'learn from at most n dies: whole wafers (dies, where there are none), always the same ones (default: all)',
    )
    .option('--functional', 'STDF: functional tests (FTR) are parameters too: 0 passed, 1 failed')
    .option('--map <tests.csv>', `STDF: ${NAMING_HELP.map}`)
    .option('--strip-name <regexp>', `STDF: ${NAMING_HELP.stripName}`)
    .addOption(
      new Option(
        '--missing <how>',
        'what a missing value means to the model (default: impute for STDF, as in the data for CSV)',
      ).choices(['reject', 'impute']),
    )
    .option('--false-alarm-rate <share>', 'good dies that may fail', String(DEFAULT_FALSE_ALARM_RATE))
    .addOption(
      new Option(
        '--screen <kind>',
        'what judges: process (principal components), dependency (one value against what all others let expect), both combined, or limits (part average limits of each value) (default: process)',
      ).choices(SCREEN_KINDS),
    )
    .option('--components <k>', 'principal components (default: by parallel analysis)')
    .option('--created <time>', 'creation time to write, ISO 8601 UTC (default: now)')
    .option('--data-description <text>', 'what the data is, for the manifest and the model card')
    .option('--force', 'replace the version if it exists')
    .option('--json', 'print the summary as JSON')
    .addHelpText('after', EXAMPLES)
    .action((files: string[], options: TrainArguments) => train(files, options, scoreDies, streams));
}

async function train(
  files: readonly string[],
  options: TrainArguments,
  scoreDies: ScoreDies,
  streams: CommandStreams,
): Promise<void> {
  const { components, json, x: columns, sample: sampled, ...asked } = options;
  const created = options.created ?? new Date().toISOString();
  const read = createOptionReader();
  const falseAlarmRate = read.number('--false-alarm-rate', options.falseAlarmRate, 0.0001, 0.5);
  const componentCount =
    components === undefined ? undefined : read.wholeNumber('--components', components, 1, 65_536);
  const x = columns === undefined ? undefined : read.range('--x', columns, -32_767, 32_767);
  const sample = sampled === undefined ? undefined : read.wholeNumber('--sample', sampled, 1, 100_000_000);
  read.finish();
  if (!z.iso.datetime().safeParse(created).success) {
    throw new Fault('invalid_usage', [
      `--created: found "${created}", expected ISO 8601 UTC such as 2026-01-31T12:00:00Z`,
    ]);
  }
  const format = await trainingFormat(files);
  refuseOtherFormat(format, { ...options });
  const progress = createProgress(streams);
  const common = {
    ...asked,
    created,
    falseAlarmRate,
    components: componentCount,
    sample,
    codeVersion: DIEGATE_VERSION,
    rebuild: [commandLine(files, { ...options, created })],
    scoreDies,
    onProgress: (parts: number) => progress.show(`${parts} ${format === 'stdf' ? 'parts' : 'dies'} read`),
  };
  const version =
    format === 'stdf'
      ? await trainLots({ ...common, stdf: files, x, naming: await readTestNaming(options) })
      : await trainFiles({ ...common, csv: files });
  progress.clear();
  streams.stdout.write(json ? `${JSON.stringify(trainedAsJson(version))}\n` : describeTrained(version));
}

/** The command as a shell would take it again. */
function commandLine(files: readonly string[], options: TrainArguments): string {
  const { json: _json, force: _force, ...kept } = options;
  const flags = Object.entries(kept).map(([key, value]) => {
    const name = key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    return value === true ? `--${name}` : `--${name} ${shellQuote(value)}`;
  });
  return ['diegate train', ...files.map(shellQuote), ...flags].join(' ');
}

function shellQuote(text: string): string {
  return /^[\w./:=,@%+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
