import { Command } from 'commander';
import {
  CSV_FORMAT,
  type LotFormats,
  type SimulationSummary,
  STDF_FORMAT,
  simulateFiles,
} from '../training/simulate-files.js';
import { DEFAULT_SIMULATION } from '../training/simulator/lot.js';
import { createOptionReader } from './options.js';
import { type CommandStreams, createProgress, PROCESS_STREAMS, percent } from './output.js';

const EXAMPLES = `
Examples:
  $ diegate simulate --output lot.csv
  $ diegate simulate --seed 7 --lots 3 --wafers 25 --output lots.csv.gz
  $ diegate simulate --wafers 5 --output lot.stdf.gz
  $ diegate simulate --lots 12 --output lots.stdf.gz
  $ diegate simulate --output lot.csv --parameter-table parameters.csv
  $ diegate train lot.csv --parameter-table parameters.csv --out models/my-product/1

The same options give the same file on any machine, but for how gzip packs it. An STDF file holds one
lot: several lots go into lots-S1L01.stdf.gz and so on. Its node is the simulator, its sites are the
testers; parts fail by their defect, tests by their limits. Defect modes: edge-ring, centre, scratch, cluster,
random, tester (a tester gone bad); with --subtle, of single dies: shift-3, shift-4, shift-6 (one parameter by so many sigma), shift-five
(five of one group by two).`;

interface SimulateArguments {
  readonly output: string;
  readonly parameterTable?: string;
  readonly seed: string;
  readonly lots: string;
  readonly wafers: string;
  readonly across: string;
  readonly defectRate: string;
  readonly subtle: string;
  readonly json?: true;
}

/** `diegate simulate`. `formats` adds file formats to CSV. */
export function simulateCommand(
  formats: LotFormats = STDF_FORMAT,
  streams: CommandStreams = PROCESS_STREAMS,
): Command {
  return new Command('simulate')
    .description('make lots of dies with correlated test parameters and known defects')
    .requiredOption(
      '-o, --output <file>',
      `file to write: ${Object.keys({ ...CSV_FORMAT, ...formats }).join(' or ')}, also with .gz`,
    )
    .option(
      '--parameter-table <file>',
      'CSV to write with name, unit, test number and limits of each parameter',
    )
    .option('--seed <n>', 'which lots', String(DEFAULT_SIMULATION.seed))
    .option('--lots <n>', 'lots', String(DEFAULT_SIMULATION.lots))
    .option('--wafers <n>', 'wafers in a lot', String(DEFAULT_SIMULATION.wafersPerLot))
    .option('--across <n>', "dies along the wafer's diameter", String(DEFAULT_SIMULATION.diesAcross))
    .option('--defect-rate <x>', 'how often defects happen; 0 never', String(DEFAULT_SIMULATION.defectRate))
    .option('--subtle <share>', 'dies with a fault that most tests do not show, 0 to 0.5', '0')
    .option('--json', 'print the summary as JSON')
    .addHelpText('after', EXAMPLES)
    .action((options: SimulateArguments) => simulate(options, { ...CSV_FORMAT, ...formats }, streams));
}

async function simulate(options: SimulateArguments, formats: LotFormats, streams: CommandStreams) {
  const read = createOptionReader();
  const simulation = {
    seed: read.wholeNumber('--seed', options.seed, 0, Number.MAX_SAFE_INTEGER),
    lots: read.wholeNumber('--lots', options.lots, 1, 1000),
    wafersPerLot: read.wholeNumber('--wafers', options.wafers, 1, 100),
    diesAcross: read.wholeNumber('--across', options.across, 3, 101),
    defectRate: read.number('--defect-rate', options.defectRate, 0, 100),
    subtleShare: read.number('--subtle', options.subtle, 0, 0.5),
  };
  read.finish();
  const wafers = simulation.lots * simulation.wafersPerLot;
  const progress = createProgress(streams);
  const summary = await simulateFiles({
    ...simulation,
    output: options.output,
    parameterTable: options.parameterTable,
    formats,
    onProgress: (done) => progress.show(`wafer ${done} of ${wafers}`),
  });
  progress.clear();
  streams.stdout.write(
    options.json
      ? `${JSON.stringify({ output: options.output, ...simulation, ...summary })}\n`
      : describe(summary),
  );
}

function describe({ files, dies, wafers, diesByDefect }: SimulationSummary): string {
  const modes = Object.entries(diesByDefect).sort(([a], [b]) => (a < b ? -1 : 1));
  const defective = modes.reduce((sum, [, count]) => sum + count, 0);
  const list = modes.map(([mode, count]) => `  ${mode.padEnd(10)} ${count}\n`).join('');
  return `${files.join(', ')}: ${dies} dies on ${wafers} wafers, ${defective} defective (${percent(defective / dies)})\n${list}`;
}
