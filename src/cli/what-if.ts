import { writeFile } from 'node:fs/promises';
import { Command } from 'commander';
import { Fault } from '../errors.js';
import type { ModelVersion } from '../models/model-version.js';
import {
  type DecisionCosts,
  type JudgedDie,
  thresholdsFor,
  type WhatIfPoint,
  whatIf,
} from '../screens/what-if.js';
import { lotBytes } from './lot-file.js';
import { createOptionReader } from './options.js';
import { type CommandStreams, createProgress, PROCESS_STREAMS, percent } from './output.js';
import { lastTouchdowns } from './score/agreement.js';
import { withEngine } from './score/engine.js';
import { type ScoredLot, scoreLots } from './score/score-lot.js';
import { type Column, tableLines } from './table.js';
import { readTestNaming } from './test-naming.js';
import { versionAt } from './version-at.js';
import { type ScreenCurve, whatIfPlot } from './what-if/plot.js';
import { type LaterOutcomes, outcomeKey, readOutcomes } from './what-if/read-outcomes.js';
import { assertWritable, written } from './writable.js';

const EXAMPLES = `
Examples:
  $ diegate what-if lot.stdf.gz --screens models/a/1,models/a/2
  $ diegate what-if lot*.stdf.gz --screens models/a/1,models/b/1 --outcomes later.csv --escape-cost 500 --overkill-cost 2 --plot what-if.svg

For each screen, at its own threshold and where it would give up 0.1% to 5% of the dies that the tester passed: how many it gives up,
how many of the tester's fails it finds, and of the dies that failed later (--outcomes: lot_id, wafer_id, x, y, outcome) how many it
would have held back. Cost is that of escapes it lets pass and of good dies it gives up. Each die counts by its last
touchdown. Judge on other lots than the screens were trained on.`;

interface WhatIfArguments {
  readonly screens: string;
  readonly outcomes?: string;
  readonly escapeCost: string;
  readonly overkillCost: string;
  readonly plot?: string;
  readonly json?: true;
}

interface WhatIfOptions {
  readonly streams?: CommandStreams;
  /** Compiled module that the worker process runs; another one only in tests. */
  readonly workerEntry?: string;
}

/** `diegate what-if`. */
export function whatIfCommand({ streams = PROCESS_STREAMS, workerEntry }: WhatIfOptions = {}): Command {
  return new Command('what-if')
    .description(
      'what screens would have given up and caught on past lots, at several thresholds, and what that costs',
    )
    .argument('<stdf...>', 'STDF V4 files, plain or packed')
    .requiredOption('--screens <folders>', 'model versions, models/<name>/<version>, by commas')
    .option(
      '--outcomes <later.csv>',
      'what later insertions said: lot_id, wafer_id, x, y, outcome (pass or fail)',
    )
    .option('--escape-cost <cost>', 'cost of a die that passes here and fails later', '100')
    .option('--overkill-cost <cost>', 'cost of a good die that is given up', '1')
    .option('--plot <what-if.svg>', 'plot to write: fails caught over dies given up')
    .option('--json', 'print the table as JSON')
    .addHelpText('after', EXAMPLES)
    .action((files: string[], options: WhatIfArguments) => compare(files, options, streams, workerEntry));
}

interface Row extends WhatIfPoint {
  readonly screen: string;
  /** Whether it is the screen's own threshold. */
  readonly own: boolean;
}

async function compare(
  files: readonly string[],
  options: WhatIfArguments,
  streams: CommandStreams,
  workerEntry: string | undefined,
): Promise<void> {
  const read = createOptionReader();
  const costs: DecisionCosts = {
    escape: read.number('--escape-cost', options.escapeCost, 0, 1e12),
    overkill: read.number('--overkill-cost', options.overkillCost, 0, 1e12),
  };
  read.finish();
  await assertWritable({ '--plot': options.plot }, files);
  const outcomes = options.outcomes === undefined ? undefined : await readOutcomes(options.outcomes);
  const folders = options.screens.split(',').filter((folder) => folder.trim() !== '');
  if (folders.length === 0)
    throw new Fault('invalid_usage', ['--screens: expected model versions, by commas']);
  const versions: ModelVersion[] = [];
  for (const folder of folders) versions.push(await versionAt(folder.trim()));
  const rows: Row[] = [];
  let known = 0;
  for (const version of versions) {
    const dies = diesOf(await scored(files, version, streams, workerEntry), outcomes);
    known = dies.filter(({ later }) => later !== undefined).length;
    rows.push(...rowsOf(version, dies, costs));
  }
  if (options.plot !== undefined) {
    const curves = versions.map(
      ({ key }): ScreenCurve => ({ screen: key, points: rows.filter((row) => row.screen === key) }),
    );
    await written(options.plot, writeFile(options.plot, whatIfPlot(curves)));
  }
  const notes = [
    ...(outcomes === undefined ? [] : [`${known} of ${outcomes.size} outcomes are of dies of these lots`]),
    ...(options.plot === undefined ? [] : [`written: ${options.plot}`]),
  ];
  streams.stdout.write(
    options.json
      ? `${JSON.stringify({ costs, outcomes: outcomes?.size ?? 0, outcomesOfTheseLots: known, rows })}\n`
      : `${[...tableLines(columnsOf(outcomes !== undefined), rows), ...notes].join('\n')}\n`,
  );
}

async function scored(
  files: readonly string[],
  version: ModelVersion,
  streams: CommandStreams,
  workerEntry: string | undefined,
): Promise<ScoredLot[]> {
  const progress = createProgress(streams);
  const naming = await readTestNaming({}, version.manifest.input.stripName);
  return withEngine({ version, workerEntry }, (engine) =>
    scoreLots({
      files,
      bytesOf: (file) => lotBytes(file, progress.show),
      version,
      engine,
      explain: 0,
      naming,
    }),
  ).finally(progress.clear);
}

/** Dies by their last touchdown, without those that the tester gave no verdict. */
function diesOf(lots: readonly ScoredLot[], outcomes: LaterOutcomes | undefined): JudgedDie[] {
  return lots.flatMap(({ parts }) =>
    Array.from(lastTouchdowns(parts)).flatMap(({ part, label, outcome }) => {
      if (part.verdict === 'none') return [];
      const { x, y } = part;
      const later =
        x === undefined || y === undefined
          ? undefined
          : outcomes?.get(outcomeKey(label.lot_id ?? '', label.wafer_id ?? '', x, y));
      const score = outcome.kind === 'scored' ? outcome.score : undefined;
      return [{ score, passing: part.verdict === 'pass', later }];
    }),
  );
}

function rowsOf({ key, manifest }: ModelVersion, dies: readonly JudgedDie[], costs: DecisionCosts): Row[] {
  const own = { ...whatIf(dies, manifest.threshold, costs), screen: key, own: true };
  const others = thresholdsFor(dies).map((threshold) => ({
    ...whatIf(dies, threshold, costs),
    screen: key,
    own: false,
  }));
  return [own, ...others].sort((a, b) => b.threshold - a.threshold);
}

function columnsOf(withOutcomes: boolean): readonly Column<Row>[] {
  const shareOf = (part: number, whole: number) => (whole === 0 ? '' : ` (${percent(part / whole)})`);
  return [
    { title: 'screen', align: 'left', text: ({ screen }) => screen },
    {
      title: 'threshold',
      align: 'right',
      text: ({ threshold, own }) => `${own ? 'own ' : ''}${threshold.toPrecision(4)}`,
    },
    {
      title: 'given up',
      align: 'right',
      text: ({ givenUp, passing }) => `${givenUp}${shareOf(givenUp, passing)}`,
    },
    { title: 'fails caught', align: 'right', text: ({ caught, failing }) => `${caught} of ${failing}` },
    ...(withOutcomes
      ? [
          {
            title: 'later fails caught',
            align: 'right' as const,
            text: ({ escapesCaught, escapes }: Row) => `${escapesCaught} of ${escapes}`,
          },
          {
            title: 'cost',
            align: 'right' as const,
            text: ({ cost }: Row) => String(Number(cost.toPrecision(6))),
          },
        ]
      : []),
  ];
}
