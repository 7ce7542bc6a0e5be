import { Command } from 'commander';
import { Fault } from '../errors.js';
import { storyOf, storyText } from '../records/die-story.js';
import { LookUp } from '../records/look-up.js';
import { findNamed } from '../records/look-ups.js';
import { type CommandStreams, PROCESS_STREAMS } from './output.js';

const EXAMPLES = `
Examples:
  $ diegate log --die LOT4711/W07/12/-3 --records /var/lib/diegate/records
  $ diegate log --die wafer123_die456 --json | jq '.[0].score'

A die is named by its id, or by where it is: lot/wafer/x/y, and insertion and touchdown behind them; the lot may be
empty. The server may go on writing meanwhile.

Exit code 0: there are records of the die. 1: there are none, or the folder cannot be read.`;

interface LogCommandOptions {
  /** RECORDS_DIR is read. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly streams?: CommandStreams;
}

interface LogArguments {
  readonly die: string;
  readonly records?: string;
  readonly json?: boolean;
}

/** `diegate log`. */
export function logCommand({ environment, streams = PROCESS_STREAMS }: LogCommandOptions): Command {
  return new Command('log')
    .description('say who judged a die, when, by what, and what it turned out to be')
    .requiredOption('--die <key>', 'id of the die, or lot/wafer/x/y')
    .option('--records <folder>', 'folder of the records (default: RECORDS_DIR)')
    .option('--json', 'print the records as JSON')
    .addHelpText('after', EXAMPLES)
    .action(async ({ die, records, json = false }: LogArguments) => {
      const lookUp = new LookUp(recordsFolder(records, environment));
      const found = await readingFiles(() => findNamed(die, (asked) => lookUp.find(asked)));
      if (found.length === 0) throw new Fault('invalid_data', [`there is no record of a die "${die}"`]);
      streams.stdout.write(
        json ? `${JSON.stringify(found, undefined, 2)}\n` : storyText(storyOf(die, found)),
      );
    });
}

/**
 * The folder that a command reads.
 * @throws Fault `invalid_usage` where nobody says it
 */
export function recordsFolder(
  given: string | undefined,
  environment: LogCommandOptions['environment'],
): string {
  const folder = given ?? environment.RECORDS_DIR;
  if (folder === undefined || folder === '')
    throw new Fault('invalid_usage', ['expected --records or RECORDS_DIR: where the records are']);
  return folder;
}

/** What a command reads of a folder; an error of the system is the user's to see. */
export async function readingFiles<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof Fault) throw error;
    throw new Fault('invalid_data', [error instanceof Error ? error.message : String(error)], error);
  }
}
