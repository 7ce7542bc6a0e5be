import { writeFile } from 'node:fs/promises';
import { Command } from 'commander';
import { Fault } from '../errors.js';
import { systemClock } from '../serving/clock.js';
import type { Gate } from './gate/bounds.js';
import { runBothVersions, TIMED_CALLS } from './gate/compare-versions.js';
import { describeComparison, type GateComparison } from './gate/comparison.js';
import { gatesOf, verdictOn } from './gate/gates.js';
import { GROUPINGS, type Grouping } from './gate/groups.js';
import { readLabelledDies } from './gate/labelled-dies.js';
import { createOptionReader } from './options.js';
import { type CommandStreams, createProgress, PROCESS_STREAMS } from './output.js';
import { versionAt } from './version-at.js';
import { assertWritable } from './writable.js';

const EXAMPLES = `
Examples:
  $ diegate gate --baseline models/x/1 --candidate models/x/2 --data labelled.csv
  $ diegate gate --baseline models/x/1 --candidate models/x/2 --data week1.csv week2.csv.gz --label result
  $ diegate gate --baseline models/x/1 --candidate models/x/2 --data lot.stdf.gz --json report.json
  $ diegate gate --baseline models/x/1 --candidate models/x/2 --data labelled.csv --by equipment_id,lot_id \
      --escape-cost 40 --overkill-cost 2

The data is a CSV as for diegate train (a header row, one die a line, a column that says pass or fail), or
STDF lots, where the tester's own verdict is the label. Both versions read the parameters that their
manifests name; a version that says only how many takes all columns of numbers.

A version that catches nothing, or fails everything, does not pass: a candidate may lose a point of accuracy, five
points of the bad dies that the baseline catches and two of the good ones that it passes, and has to reach the least of
each. With --by no equipment, site or lot may lose so much either. With what an escape and an overkill cost, the cost of
1,000 dies may rise by a tenth, and the threshold is told at which these dies cost least.

Each figure has an interval (--confidence). It is of the dies that the two decide differently, counted by wafer, as dies
of one wafer are alike; where the data has no wafer_id, dies are taken as independent, and that is said. A gate
holds where the whole interval keeps the bound, is missed where all of it lies beyond, and is open where these dies
cannot tell: how many would is said. docs/statistics.md shows what that promises.

Latency is that of calls of one die: from the call through the server's own queue to a worker process and
back, without HTTP. ${TIMED_CALLS} calls of each version are timed, the two taking turns.

Exit code 0: every gate holds. 1: a gate is missed, one line for each on standard error; or the versions
cannot be compared, and why. 3: none is missed, but some are open, one line for each: not to be promoted before
somebody has decided, or there are more labelled dies.`;

interface GateCommandOptions {
  readonly streams?: CommandStreams;
  /** Compiled module that the worker processes run; another one only in tests. */
  readonly workerEntry?: string;
  /** Fewer only in tests. */
  readonly timedCalls?: number;
}

interface GateArguments {
  readonly baseline: string;
  readonly candidate: string;
  readonly data: readonly string[];
  readonly label?: string;
  readonly maxAccuracyDrop: string;
  readonly minAccuracy: string;
  readonly maxDetectionDrop: string;
  readonly minDetection: string;
  readonly maxFalseAlarmRise: string;
  readonly maxFalseAlarms: string;
  readonly maxGroupAccuracyDrop?: string;
  readonly maxGroupDetectionDrop?: string;
  readonly maxCostRise: string;
  readonly confidence: string;
  readonly by?: string;
  readonly escapeCost?: string;
  readonly overkillCost?: string;
  readonly maxP99Ms: string;
  readonly minSamples: string;
  readonly json?: string;
}

/** `diegate gate`. */
export function gateCommand(command: GateCommandOptions = {}): Command {
  return new Command('gate')
    .description('compare two versions on labelled dies and fail when the candidate misses a quality gate')
    .requiredOption('--baseline <folder>', 'version that is in use: models/<name>/<version>')
    .requiredOption('--candidate <folder>', 'version that is to follow it')
    .requiredOption(
      '--data <file...>',
      'labelled dies: CSV files with one header, or STDF lots; .gz is unpacked',
    )
    .option('--label <column>', 'CSV: column that says pass or fail (default: label)')
    .option('--max-accuracy-drop <points>', 'points of accuracy that the candidate may lose', '1')
    .option('--min-accuracy <percent>', 'least share of the dies that it decides rightly', '80')
    .option('--max-detection-drop <points>', 'points of the bad dies that it may catch less', '5')
    .option('--min-detection <percent>', 'least share of the bad dies that it catches', '10')
    .option('--max-false-alarm-rise <points>', 'points of the good dies that it may fail more', '2')
    .option('--max-false-alarms <percent>', 'largest share of the good dies that it fails', '10')
    .option('--by <names>', `no group may be worse: of ${GROUPINGS.join(', ')}, several separated by commas`)
    .option('--max-group-accuracy-drop <points>', 'the same of a group (default: as of all dies)')
    .option('--max-group-detection-drop <points>', 'the same of a group (default: as of all dies)')
    .option('--escape-cost <amount>', 'what a bad die costs that is passed')
    .option('--overkill-cost <amount>', 'what a good die costs that is failed')
    .option('--max-cost-rise <percent>', 'by how much the cost of wrong decisions may rise', '10')
    .option('--confidence <percent>', 'of the intervals that the bounds are held to by', '95')
    .option('--max-p99-ms <ms>', "the candidate's longest p99 of single-die calls", '20')
    .option('--min-samples <dies>', 'fewest labelled dies', '1000')
    .option('--json <file>', 'report to write')
    .addHelpText('after', EXAMPLES)
    .action((options: GateArguments) => gate(options, command));
}

async function gate(options: GateArguments, command: GateCommandOptions): Promise<void> {
  const { streams = PROCESS_STREAMS, timedCalls = TIMED_CALLS, workerEntry } = command;
  const read = createOptionReader();
  const points = (name: string, text: string) => read.number(name, text, 0, 100);
  const { maxGroupAccuracyDrop, maxGroupDetectionDrop } = options;
  const maxAccuracyDrop = points('--max-accuracy-drop', options.maxAccuracyDrop);
  const maxDetectionDrop = points('--max-detection-drop', options.maxDetectionDrop);
  const limits = {
    maxAccuracyDrop,
    minAccuracy: points('--min-accuracy', options.minAccuracy),
    maxDetectionDrop,
    minDetection: points('--min-detection', options.minDetection),
    maxFalseAlarmRise: points('--max-false-alarm-rise', options.maxFalseAlarmRise),
    maxFalseAlarms: points('--max-false-alarms', options.maxFalseAlarms),
    maxGroupAccuracyDrop:
      maxGroupAccuracyDrop === undefined
        ? maxAccuracyDrop
        : points('--max-group-accuracy-drop', maxGroupAccuracyDrop),
    maxGroupDetectionDrop:
      maxGroupDetectionDrop === undefined
        ? maxDetectionDrop
        : points('--max-group-detection-drop', maxGroupDetectionDrop),
    maxCostRise: read.number('--max-cost-rise', options.maxCostRise, 0, 1e6),
    significance: 1 - read.number('--confidence', options.confidence, 50, 99.9999) / 100,
    maxP99Ms: read.number('--max-p99-ms', options.maxP99Ms, 0.001, 600_000),
    minSamples: read.wholeNumber('--min-samples', options.minSamples, 1, 1_000_000_000),
  };
  const amount = (name: string, text: string) => read.number(name, text, 0, 1e12);
  const { escapeCost, overkillCost } = options;
  const costs =
    escapeCost === undefined || overkillCost === undefined
      ? undefined
      : { escape: amount('--escape-cost', escapeCost), overkill: amount('--overkill-cost', overkillCost) };
  read.finish();
  if (costs === undefined && (escapeCost ?? overkillCost) !== undefined)
    throw new Fault('invalid_usage', ['expected both of --escape-cost and --overkill-cost, found one']);
  const by = groupingsOf(options.by);
  await assertWritable({ '--json': options.json }, options.data);
  const [baseline, candidate] = [await versionAt(options.baseline), await versionAt(options.candidate)];
  const progress = createProgress(streams);
  const versions = [baseline, candidate];
  const labelled = await readLabelledDies({
    files: options.data,
    label: options.label,
    versions,
    onProgress: progress.show,
  }).finally(progress.clear);
  const untold = by.filter((grouping) => labelled.groups[grouping] === undefined);
  if (untold.length > 0)
    throw new Fault('invalid_data', [
      `${options.data.join(', ')}: no column ${untold.join(', ')}, expected by --by`,
    ]);
  const comparison = await runBothVersions({
    baseline,
    candidate,
    labelled,
    by,
    costs,
    clock: systemClock,
    timedCalls,
    onProgress: progress.show,
    workerEntry,
  }).finally(progress.clear);
  const gates = gatesOf(comparison, limits);
  if (options.json !== undefined) await writeReport(options.json, comparison, gates);
  streams.stdout.write(describeComparison(comparison, gates));
  const reasons = (verdict: Gate['verdict']) =>
    gates.filter((one) => one.verdict === verdict).map(({ reason }) => reason);
  const verdict = verdictOn(gates);
  if (verdict === 'missed') throw new Fault('gate_missed', reasons('missed'));
  if (verdict === 'open') throw new Fault('gate_open', reasons('open'));
}

/** @throws Fault `invalid_usage` for what is no grouping */
function groupingsOf(text: string | undefined): Grouping[] {
  const names = text === undefined ? [] : [...new Set(text.split(',').map((name) => name.trim()))];
  return names.map((name) => {
    const known = GROUPINGS.find((grouping) => grouping === name);
    if (known === undefined)
      throw new Fault('invalid_usage', [`--by: found "${name}", expected ${GROUPINGS.join(', ')}`]);
    return known;
  });
}

async function writeReport(file: string, comparison: GateComparison, gates: readonly Gate[]): Promise<void> {
  const verdict = verdictOn(gates);
  const report = { verdict, holds: verdict === 'holds', gates, ...comparison };
  try {
    await writeFile(file, `${JSON.stringify(report, undefined, 2)}\n`);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Fault('invalid_data', [`${file} cannot be written: ${reason}`], error);
  }
}
