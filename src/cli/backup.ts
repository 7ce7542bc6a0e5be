import { stat } from 'node:fs/promises';
import { resolve, sep } from 'node:path';
import { Command } from 'commander';
import { type BackupIndex, totalBytes } from '../backup/index-file.js';
import { checkBackup } from '../backup/restore-repository.js';
import { writeBackup } from '../backup/write-backup.js';
import { Fault } from '../errors.js';
import { DIEGATE_VERSION } from '../version.js';
import { countText } from '../wafermap/text.js';
import { type CommandStreams, PROCESS_STREAMS } from './output.js';
import { assertWritable } from './writable.js';

const EXAMPLES = `
Examples:
  $ diegate backup --repository models --out backup.tar.gz
  $ diegate backup --verify backup.tar.gz

The archive holds every version folder and the serving state, and an index with size and SHA-256 of every
file. It may be made while a server runs on the repository. It is a plain .tar.gz: tar can list it.

Exit code 0: the archive is written, or verified. 1: it is not, and why.`;

interface BackupArguments {
  readonly repository: string;
  readonly out?: string;
  readonly verify?: string;
  readonly force?: true;
  readonly json?: true;
}

interface BackupCommandOptions {
  readonly streams?: CommandStreams;
  readonly now?: () => Date;
}

/** `diegate backup`. */
export function backupCommand({
  streams = PROCESS_STREAMS,
  now = () => new Date(),
}: BackupCommandOptions = {}): Command {
  return new Command('backup')
    .description('write a model repository and its serving state into one archive')
    .option('--repository <folder>', 'model repository', 'models')
    .option('--out <file>', 'archive to write, such as backup.tar.gz')
    .option('--force', 'with --out: replace an archive that is there')
    .option('--verify <file>', 'write nothing: prove that an archive is whole')
    .option('--json', 'print the index as JSON')
    .addHelpText('after', EXAMPLES)
    .action((options: BackupArguments) => backup(options, streams, now));
}

async function backup(options: BackupArguments, streams: CommandStreams, now: () => Date): Promise<void> {
  const { repository, out, verify, force = false, json } = options;
  if ((out === undefined) === (verify === undefined)) {
    throw new Fault('invalid_usage', ['expected either --out <file> or --verify <file>']);
  }
  if (force && out === undefined) {
    throw new Fault('invalid_usage', ['--force: expected only together with --out']);
  }
  const index =
    out === undefined
      ? await checkBackup(resolve(verify ?? ''))
      : await backUpTo(out, repository, force, now);
  const file = out ?? verify ?? '';
  streams.stdout.write(json ? `${JSON.stringify(index)}\n` : `${file}: ${describeBackup(index)}\n`);
}

async function backUpTo(
  out: string,
  repository: string,
  force: boolean,
  now: () => Date,
): Promise<BackupIndex> {
  await assertWritable({ '--out': out }, []);
  if (`${resolve(out)}${sep}`.startsWith(`${resolve(repository)}${sep}`)) {
    throw new Fault('invalid_usage', [
      `--out: ${out} lies in the repository ${repository}, expected a file elsewhere`,
    ]);
  }
  if (!force && (await stat(out).catch(() => undefined)) !== undefined) {
    throw new Fault('invalid_usage', [`--out: ${out} exists: choose another file, or --force to replace it`]);
  }
  return writeBackup({ repository, out, toolVersion: DIEGATE_VERSION, now });
}

/** An archive in one line, for people. */
export function describeBackup(index: BackupIndex): string {
  const versions = new Set(index.files.flatMap(({ path }) => /^[^/]+\/[^/]+(?=\/)/.exec(path) ?? []));
  return `${countText(index.files.length)} files, ${countText(totalBytes(index))} bytes, versions ${[...versions].join(', ')}; every checksum holds; made ${index.created} by diegate ${index.toolVersion}`;
}
