import { stat } from 'node:fs/promises';
import { Command } from 'commander';
import { Fault } from '../errors.js';
import { writeLayout } from '../sources/oci/write-layout.js';
import { type CommandStreams, PROCESS_STREAMS } from './output.js';
import { versionAt } from './version-at.js';
import { assertWritable } from './writable.js';

const EXAMPLES = `
Examples:
  $ diegate pack models/my-screen/3 --out my-screen-3
  $ oras copy --from-oci-layout my-screen-3:3 registry.fab.example/models/my-screen:3
  $ skopeo copy oci:my-screen-3:3 docker://registry.fab.example/models/my-screen:3

Writes an OCI image layout in the form of the CNCF ModelPack specification, which a registry keeps and
diegate import reads. The same version always has the same digest. Nothing is sent anywhere.

Exit code 0: the layout is written. 1: it is not, and why.`;

interface PackArguments {
  readonly out: string;
  readonly tag?: string;
}

/** `diegate pack`. */
export function packCommand({
  streams = PROCESS_STREAMS,
}: {
  readonly streams?: CommandStreams;
} = {}): Command {
  return new Command('pack')
    .description('write a model version as an OCI image layout (ModelPack)')
    .argument('<folder>', 'version folder models/<name>/<version>')
    .requiredOption('--out <folder>', 'layout to write; must not be there yet')
    .option('--tag <name>', 'name of the model in the layout (default: its version)')
    .addHelpText('after', EXAMPLES)
    .action(async (folder: string, { out, tag }: PackArguments) => {
      const version = await versionAt(folder);
      if ((await stat(out).catch(() => undefined)) !== undefined) {
        throw new Fault('invalid_usage', [`--out: ${out} exists, expected a folder that is not there yet`]);
      }
      await assertWritable({ '--out': out }, []);
      const digest = await writeLayout(version, out, tag ?? version.version);
      streams.stdout.write(`${out}:${tag ?? version.version} is ${version.key}, ${digest}\n`);
    });
}
