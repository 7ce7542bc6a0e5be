import { Command, Option } from 'commander';
import { z } from 'zod';
import { Fault } from '../errors.js';
import { DEFAULT_FALSE_ALARM_RATE, trainFiles } from '../training/train-files.js';
import type { ScoreDies } from '../training/version/check-graph.js';
import { DIEGATE_VERSION } from '../version.js';
import { createOptionReader } from './options.js';
import { type CommandStreams, createProgress, PROCESS_STREAMS } from './output.js';
import { describeTrained, trainedAsJson } from './trained-summary.js';

const EXAMPLES = `
Examples:
  $ diegate train lot.csv --out models/my-product/1
  $ diegate train week1.csv week2.csv.gz --label result --out models/my-product/2
  $ diegate train secom.csv --parameters s000..s511 --rows 1..300 --out models/secom/1

The CSV has a header row and one die a line; an empty cell is a missing value. Labels are pass or fail,
0 or 1, -1 or 1 (1 is fail); without a label column every die counts as good. Only good dies are
learnt from. With lot_id or wafer_id columns whole lots or wafers are held out to measure on.`;

export interface TrainCommandOptions {
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
  readonly missing?: 'reject' | 'impute';
  readonly falseAlarmRate: string;
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
    .argument('<csv...>', 'files of dies, all with the same header; .gz is unpacked')
    .requiredOption('--out <folder>', 'version folder to write: models/<name>/<version>')
    .option('--label <column>', 'column that says pass or fail (default: label, if there is one)')
    .option('--parameters <columns>', 'names or ranges such as s000..s511 (default: all columns of numbers)')
    .option('--rows <rows>', 'dies to take, from 1, such as 1..300 (default: all)')
    .option('--parameter-table <file>', 'CSV with name, unit, test_number, low_limit, high_limit')
    .addOption(
      new Option(
        '--missing <how>',
        'what a missing value means to the model (default: as in the data)',
      ).choices(['reject', 'impute']),
    )
    .option('--false-alarm-rate <share>', 'good dies that may fail', String(DEFAULT_FALSE_ALARM_RATE))
    .option('--components <k>', 'principal components (default: by parallel analysis)')
    .option('--created <time>', 'creation time to write, ISO 8601 UTC (default: now)')
    .option('--data-description <text>', 'what the data is, for the manifest and the model card')
    .option('--force', 'replace the version if it exists')
    .option('--json', 'print the summary as JSON')
    .addHelpText('after', EXAMPLES)
    .action((csv: string[], options: TrainArguments) => train(csv, options, scoreDies, streams));
}

async function train(
  csv: readonly string[],
  options: TrainArguments,
  scoreDies: ScoreDies,
  streams: CommandStreams,
): Promise<void> {
  const { components, json, ...asked } = options;
  const created = options.created ?? new Date().toISOString();
  const read = createOptionReader();
  const falseAlarmRate = read.number('--false-alarm-rate', options.falseAlarmRate, 0.0001, 0.5);
  const componentCount =
    components === undefined ? undefined : read.wholeNumber('--components', components, 1, 65_536);
  read.finish();
  if (!z.iso.datetime().safeParse(created).success) {
    throw new Fault('invalid_usage', [
      `--created: found "${created}", expected ISO 8601 UTC such as 2026-01-31T12:00:00Z`,
    ]);
  }
  const progress = createProgress(streams);
  const version = await trainFiles({
    ...asked,
    csv,
    created,
    falseAlarmRate,
    components: componentCount,
    codeVersion: DIEGATE_VERSION,
    rebuild: [commandLine(csv, { ...options, created })],
    scoreDies,
    onProgress: (dies) => progress.show(`${dies} dies read`),
  });
  progress.clear();
  streams.stdout.write(json ? `${JSON.stringify(trainedAsJson(version))}\n` : describeTrained(version));
}

/** The command as a shell would take it again. */
function commandLine(csv: readonly string[], options: TrainArguments): string {
  const { json: _json, force: _force, ...kept } = options;
  const flags = Object.entries(kept).map(([key, value]) => {
    const name = key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    return `--${name} ${shellQuote(value)}`;
  });
  return ['diegate train', ...csv.map(shellQuote), ...flags].join(' ');
}

function shellQuote(text: string): string {
  return /^[\w./:=,@%+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
