import { Command } from 'commander';
import { createInspector, type Inspector } from '../lots/inspection.js';
import { assembleParts } from '../stdf/stdf.js';
import { byEquipment, equipmentAsJson } from './inspect/by-equipment.js';
import { type InspectedLot, inspectedAsJson } from './inspect/inspected-lot.js';
import { describeEquipment, describeInspected } from './inspect/inspected-text.js';
import { lotBytes, namingFile } from './lot-file.js';
import { type CommandStreams, createProgress, PROCESS_STREAMS } from './output.js';

const EXAMPLES = `
Examples:
  $ diegate inspect lot.stdf.gz
  $ diegate inspect lot.stdf --json | jq '.tests[] | select(.failed > 0) | [.number, .name, .failed]'

Limits and statistics are in the unit that the tester shows (RES_SCAL, C_RESFMT), with --json in the base
unit, with scale and format beside it. Times are of the tester's own clock, without a zone. A yield of dies counts a die that was
touched more than once by its first or by its last touchdown.

Exit code 0: inspected, also a damaged file, of which is said what is damaged and where (with --json:
"report.intact"). 1: the file cannot be read or is not STDF V4.`;

/** `diegate inspect`. */
export function inspectCommand({
  streams = PROCESS_STREAMS,
}: {
  readonly streams?: CommandStreams;
} = {}): Command {
  return new Command('inspect')
    .description('say what is in an STDF lot file: wafers, parts, yield, bins, tests, damage')
    .argument('<stdf>', 'STDF V4 file, plain or packed (gzip, bzip2, xz, zstd, zip); - for standard input')
    .option('--json', 'print everything as JSON')
    .addHelpText('after', EXAMPLES)
    .action((file: string, { json }: { readonly json?: true }) => inspect(file, json === true, streams));
}

async function inspect(file: string, json: boolean, streams: CommandStreams): Promise<void> {
  const progress = createProgress(streams);
  const inspected = await namingFile(file, inspectFile(file, progress.show)).finally(progress.clear);
  streams.stdout.write(
    json
      ? `${JSON.stringify(asJson(file, inspected))}\n`
      : `${inspected.map(describeInspected).join('\n')}${describeEquipment(byEquipment(inspected))}`,
  );
}

/** One lot as it is; several under `lots`. */
function asJson(file: string, inspected: readonly InspectedLot[]) {
  const [first, ...others] = inspected.map(inspectedAsJson);
  const equipment = equipmentAsJson(byEquipment(inspected));
  return others.length === 0 ? { ...first, equipment } : { file, lots: [first, ...others], equipment };
}

/** The lots of the file, each inspected as its own. */
async function inspectFile(file: string, onProgress: (text: string) => void): Promise<InspectedLot[]> {
  const stream = assembleParts(lotBytes(file, onProgress), { lend: true });
  const inspectors: Inspector[] = [];
  for await (const part of stream) {
    const inspector = inspectors[part.lot] ?? createInspector();
    inspectors[part.lot] = inspector;
    inspector.add(part);
  }
  const report = stream.report();
  return stream.lots().map((lot, index) => ({
    file,
    lot,
    inspection: (inspectors[index] ?? createInspector()).finish(lot),
    report,
  }));
}
