import { extname } from 'node:path';
import { Command } from 'commander';
import { Fault } from '../errors.js';
import { countText, printable } from '../wafermap/text.js';
import { type CommandStreams, createProgress, PROCESS_STREAMS } from './output.js';
import { writeTable } from './table/write-table.js';
import { assertWritable } from './writable.js';

const EXAMPLES = `
Examples:
  $ diegate table lot.stdf.gz --out lot.csv
  $ diegate table wafer1.stdf wafer2.stdf.zip --out lot.parquet
  $ diegate table lot.stdf.gz --long --out results.parquet

One row a part: every touchdown of every file, in their order, with a column for each test of the files,
named by its number and name, of a record of several results also by its pin or position. A cell is the
usable value in the unit of the file, unscaled: empty (in Parquet NaN) where there is none; of a functional test
0 for passed and 1 for failed. Units are in the header of a CSV (1000 vdd (V)) and, with limits, in the
metadata "diegate_columns" of a Parquet file. diegate train reads both. docs/table.md says it all.

--long: one row a result with its value as it stands, its limits, verdict and flags.

A table of parts reads its files twice where it must know all tests first; standard input and pipes are copied to a
file beside the table for it, which is removed.

Exit code 0: written; what is damaged is said. 1: a file cannot be read or is not STDF V4.`;

interface TableArguments {
  readonly out: string;
  readonly long?: true;
}

/** `diegate table`. */
export function tableCommand({
  streams = PROCESS_STREAMS,
}: {
  readonly streams?: CommandStreams;
} = {}): Command {
  return new Command('table')
    .description('write the parts of STDF lot files, or their results, as a CSV or Parquet table')
    .argument(
      '<stdf...>',
      'STDF V4 files, plain or packed (gzip, bzip2, xz, zstd, zip), - for standard input',
    )
    .requiredOption('--out <file>', 'table to write: .csv or .parquet')
    .option('--long', 'one row a result instead of one a part')
    .addHelpText('after', EXAMPLES)
    .action((files: string[], options: TableArguments) => table(files, options, streams));
}

async function table(
  files: readonly string[],
  { out, long }: TableArguments,
  streams: CommandStreams,
): Promise<void> {
  const format = formatOf(out);
  await assertWritable({ '--out': out }, files);
  const progress = createProgress(streams);
  const written = await writeTable({
    files,
    long: long === true,
    out,
    format,
    onProgress: progress.show,
  }).finally(progress.clear);
  const tests = long === true ? '' : `, ${countText(written.tests)} tests`;
  const lines = [
    ...written.damage.map((line) => `damaged: ${line}`),
    `written: ${out}, ${countText(written.rows)} rows${tests}`,
  ];
  streams.stdout.write(`${lines.map(printable).join('\n')}\n`);
}

function formatOf(out: string): 'csv' | 'parquet' {
  const ending = extname(out).toLowerCase();
  if (ending === '.csv') return 'csv';
  if (ending === '.parquet') return 'parquet';
  throw new Fault('invalid_usage', [`--out: found "${out}", expected a file that ends in .csv or .parquet`]);
}
