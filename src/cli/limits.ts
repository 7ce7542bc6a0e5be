import { writeFile } from 'node:fs/promises';
import { Command, Option } from 'commander';
import { readLots } from '../training/lots/read-lots.js';
import { describeLimits, limitsAsCsv } from './limits/limits-table.js';
import { limitsOfLots } from './limits/test-limits.js';
import { createOptionReader } from './options.js';
import { type CommandStreams, createProgress, PROCESS_STREAMS } from './output.js';
import { assertWritable, written } from './writable.js';

const EXAMPLES = `
Examples:
  $ diegate limits lot1.stdf.gz lot2.stdf.gz --out limits.csv
  $ diegate limits lot.stdf.gz --by wafer --k 6 --out dynamic.csv

Limits are robust mean ± k robust sigma of the dies that the tester passed (AEC-Q001), by the shape of a test's values: of skewed ones each
side has its own sigma; of several groups with nothing between them, limits are those of the outer groups; where values
end together, as at a clamp, the limit is that end; of codes and coarse numbers of few levels, it is the outermost levels.
A test with fewer than 30 values has none. Static limits are of all lots together; --by lot and --by wafer set them
anew for each (dynamic). Of a die tested more than once the last touchdown counts.

The file has a line for each test of each lot or wafer: shape, limits, the test program's own limits, and how many
passing dies are beyond: the yield that the limits cost.`;

interface LimitsArguments {
  readonly out: string;
  readonly by: 'all' | 'lot' | 'wafer';
  readonly k: string;
  readonly json?: true;
}

/** `diegate limits`. */
export function limitsCommand({
  streams = PROCESS_STREAMS,
}: {
  readonly streams?: CommandStreams;
} = {}): Command {
  return new Command('limits')
    .description(
      'part average (PAT) limits of each test, static or for each lot or wafer, and the yield they cost',
    )
    .argument('<stdf...>', 'STDF V4 files, plain or packed')
    .requiredOption('--out <limits.csv>', 'file to write')
    .addOption(
      new Option('--by <what>', 'what gets limits of its own')
        .choices(['all', 'lot', 'wafer'])
        .default('all'),
    )
    .option('--k <sigmas>', 'how many robust sigma from the robust mean', '6')
    .option('--json', 'print the summary as JSON')
    .addHelpText('after', EXAMPLES)
    .action((files: string[], options: LimitsArguments) => limits(files, options, streams));
}

async function limits(
  files: readonly string[],
  options: LimitsArguments,
  streams: CommandStreams,
): Promise<void> {
  const read = createOptionReader();
  const k = read.number('--k', options.k, 1, 100);
  read.finish();
  await assertWritable({ '--out': options.out }, files);
  const progress = createProgress(streams);
  const onProgress = (parts: number) => progress.show(`${parts} parts read`);
  const lots = await readLots(files, { onProgress }).finally(progress.clear);
  const groups = limitsOfLots(lots, options.by, k);
  await written(options.out, writeFile(options.out, limitsAsCsv(groups)));
  const summary = groups.map(({ name, passing, beyond }) => ({ name, passing, beyond }));
  streams.stdout.write(
    options.json
      ? `${JSON.stringify({ out: options.out, k, by: options.by, groups: summary })}\n`
      : describeLimits(options.out, groups),
  );
}
