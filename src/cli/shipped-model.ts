import { Command } from 'commander';
import { buildShippedModel } from '../training/shipped-model.js';
import type { ScoreDies } from '../training/version/check-graph.js';
import { DIEGATE_VERSION } from '../version.js';
import { type CommandStreams, PROCESS_STREAMS } from './output.js';
import { describeTrained, trainedAsJson } from './trained-summary.js';

interface ShippedModelCommandOptions {
  readonly scoreDies: ScoreDies;
  readonly streams?: CommandStreams;
}

/** `diegate shipped-model`: makes models/die-defect/1 again, by simulate and train. */
export function shippedModelCommand({
  scoreDies,
  streams = PROCESS_STREAMS,
}: ShippedModelCommandOptions): Command {
  return new Command('shipped-model')
    .description('make the model that ships with diegate again: simulate, then train')
    .option('--out <folder>', 'version folder to write', 'models/die-defect/1')
    .option('--force', 'replace the version if it exists')
    .option('--json', 'print the summary as JSON')
    .action(async ({ out, force = false, json }: { out: string; force?: boolean; json?: true }) => {
      const version = await buildShippedModel({ out, force, codeVersion: DIEGATE_VERSION, scoreDies });
      streams.stdout.write(json ? `${JSON.stringify(trainedAsJson(version))}\n` : describeTrained(version));
    });
}
