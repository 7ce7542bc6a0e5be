import { resolve } from 'node:path';
import { Command } from 'commander';
import { checkBackup, restoreRepository } from '../backup/restore-repository.js';
import { Fault } from '../errors.js';
import { describeBackup } from './backup.js';
import { type CommandStreams, PROCESS_STREAMS } from './output.js';

const EXAMPLES = `
Examples:
  $ diegate restore backup.tar.gz --check
  $ diegate restore backup.tar.gz --repository models
  $ diegate restore backup.tar.gz --repository models --force

Everything is unpacked beside the repository and proven before anything is replaced; then the folders are
renamed. The repository that was there is kept as <repository>.previous-<time>, unless --discard is given. Where
the repository is a link, the link is replaced, in one step, and what it led to is left.

Exit code 0: restored, or the archive is whole. 1: nothing was replaced, and why.`;

interface RestoreArguments {
  readonly repository?: string;
  readonly check?: true;
  readonly force?: boolean;
  readonly discard?: boolean;
}

interface RestoreCommandOptions {
  readonly streams?: CommandStreams;
  readonly now?: () => Date;
}

/** `diegate restore`. */
export function restoreCommand({
  streams = PROCESS_STREAMS,
  now = () => new Date(),
}: RestoreCommandOptions = {}): Command {
  return new Command('restore')
    .description('bring back a model repository from an archive of diegate backup')
    .argument('<archive>', 'archive of diegate backup')
    .option('--repository <folder>', 'folder to restore to')
    .option('--check', 'write nothing: prove that the archive is whole')
    .option('--force', 'replace the repository if it exists')
    .option('--discard', 'with --force: remove the replaced repository, do not keep it')
    .addHelpText('after', EXAMPLES)
    .action((archive: string, options: RestoreArguments) => restore(archive, options, streams, now));
}

async function restore(
  archive: string,
  { repository, check, force = false, discard = false }: RestoreArguments,
  { stdout }: CommandStreams,
  now: () => Date,
): Promise<void> {
  if ((repository === undefined) === (check === undefined)) {
    throw new Fault('invalid_usage', ['expected either --repository <folder> or --check']);
  }
  if (discard && !force) throw new Fault('invalid_usage', ['--discard: expected only together with --force']);
  const file = resolve(archive);
  if (repository === undefined) {
    stdout.write(`${archive}: ${describeBackup(await checkBackup(file))}\n`);
    return;
  }
  const { index, previous } = await restoreRepository({ archive: file, repository, force, discard, now });
  stdout.write(`${archive}: ${describeBackup(index)}\nrestored to ${repository}\n`);
  if (previous !== undefined) stdout.write(`the repository that was there is ${previous}\n`);
}
