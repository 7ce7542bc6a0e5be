import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Command } from 'commander';
import { Fault } from '../errors.js';
import { dependenceText, policyText } from '../models/batch-policy.js';
import type { ModelVersion } from '../models/model-version.js';
import { systemClock } from '../serving/clock.js';
import { runBothVersions, TIMED_CALLS } from './gate/compare-versions.js';
import { describeComparison } from './gate/comparison.js';
import { type LabelledDies, readLabelledDies } from './gate/labelled-dies.js';
import { createOptionReader } from './options.js';
import { type CommandStreams, createProgress, PROCESS_STREAMS } from './output.js';
import { type SmallerModel, withHalfWeights, withWholeNumbers } from './quantize/quantize-model.js';
import { destinationAt, writeQuantized } from './quantize/write-quantized.js';
import { versionAt } from './version-at.js';

const EXAMPLES = `
Examples:
  $ diegate quantize models/x/1 --out models/x/2 --data labelled.csv
  $ diegate quantize models/x/1 --out models/x/2 --data lot.stdf.gz --percentile 99.9
  $ diegate quantize models/x/1 --out models/x/2 --data labelled.csv --float16

Writes a version whose Gemm, MatMul and Conv compute in whole numbers of 8 bits: a quarter of the memory, and less time on
most processors. The dies of --data tell how large activations are (up to 1,024 of them, spread over all); they are labelled as for
diegate gate, whose comparison of both versions is printed at the end. Every scale is a constant, so no die depends on
the others of its batch. --float16 stores weights in half of the file instead, and computes as before.

Threshold, calibration and reference stay those of the version that it was made from: look at the comparison, and run
diegate gate on other dies before it takes over. golden.json is not copied: its scores were another graph's.

Exit code 0: the version is written. 1: not, and why.`;

interface QuantizeCommandOptions {
  readonly streams?: CommandStreams;
  /** Compiled module that the worker processes run; another one only in tests. */
  readonly workerEntry?: string;
  /** Fewer only in tests. */
  readonly timedCalls?: number;
}

interface QuantizeArguments {
  readonly out: string;
  readonly data: readonly string[];
  readonly label?: string;
  readonly percentile: string;
  readonly float16?: boolean;
}

/** `diegate quantize`. */
export function quantizeCommand(command: QuantizeCommandOptions = {}): Command {
  return new Command('quantize')
    .description('write a version that computes in 8 bits, and compare it with the one it was made from')
    .argument('<folder>', 'version to make it from: models/<name>/<version>')
    .requiredOption('--out <folder>', 'where it is written: models/<name>/<version>, not there yet')
    .requiredOption('--data <file...>', 'labelled dies: CSV files with one header, or STDF lots')
    .option('--label <column>', 'CSV: column that says pass or fail (default: label)')
    .option('--percentile <p>', 'of the dies whose values are within the ranges; others are cut off', '100')
    .option('--float16', 'weights as float16 instead, computed in float32')
    .addHelpText('after', EXAMPLES)
    .action((folder: string, options: QuantizeArguments) => quantize(folder, options, command));
}

async function quantize(
  folder: string,
  { out, data, label, percentile: text, float16 = false }: QuantizeArguments,
  { streams = PROCESS_STREAMS, workerEntry, timedCalls = TIMED_CALLS }: QuantizeCommandOptions,
): Promise<void> {
  const read = createOptionReader();
  const percentile = read.number('--percentile', text, 50, 100);
  read.finish();
  const destination = await destinationAt(out);
  const baseline = await versionAt(folder);
  const progress = createProgress(streams);
  const labelled = await readLabelledDies({
    files: data,
    label,
    versions: [baseline],
    onProgress: progress.show,
  }).finally(progress.clear);
  progress.show(`quantising ${baseline.key}`);
  const smaller = await smallerModel(baseline, labelled, { percentile, float16, workerEntry }).finally(
    progress.clear,
  );
  const made = float16 ? 'float16 weights' : 'int8';
  const { version, batching } = await writeQuantized(baseline, smaller, made, destination, workerEntry);
  const sizes = `${megabytes(baseline.modelBytes)} before, ${megabytes(smaller.bytes.length)} now`;
  const why = batching.dependence === undefined ? '' : `, because ${dependenceText(batching.dependence)}`;
  const lines = [
    `${destination.folder} is ${version.key}, ${made} of ${baseline.key} (${sizes}):`,
    ...smaller.changes.map((change) => `  ${change}`),
    `  dies are run ${policyText(batching.policy)}${why}`,
    ...(baseline.golden === undefined
      ? []
      : ['  golden.json was not copied: its scores are those of the other graph']),
  ];
  streams.stdout.write(`${lines.join('\n')}\n\n`);
  const candidate = await versionAt(destination.folder);
  const [rows = new Float32Array(0)] = labelled.rows;
  const comparison = await runBothVersions({
    baseline,
    candidate,
    labelled: { ...labelled, rows: [rows, rows] },
    by: [],
    costs: undefined,
    clock: systemClock,
    timedCalls,
    onProgress: progress.show,
    workerEntry,
  }).finally(progress.clear);
  streams.stdout.write(describeComparison(comparison, []));
}

async function smallerModel(
  version: ModelVersion,
  labelled: LabelledDies,
  {
    percentile,
    float16,
    workerEntry,
  }: { percentile: number; float16: boolean; workerEntry: string | undefined },
): Promise<SmallerModel> {
  const beside = dirname(version.modelFile);
  const file = {
    bytes: await readFile(version.modelFile),
    read: (location: string) => readFileSync(join(beside, location)),
  };
  const [rows = new Float32Array(0)] = labelled.rows;
  try {
    return float16
      ? withHalfWeights(file)
      : await withWholeNumbers(file, { version, rows, percentile, workerEntry });
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== 'invalid_model') throw error;
    throw new Fault(
      error.code,
      error.problems.map((problem) => `${version.key} ${problem}`),
      error,
    );
  }
}

function megabytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(2)} MB`;
}
