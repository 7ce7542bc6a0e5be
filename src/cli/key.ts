import { randomBytes } from 'node:crypto';
import { Command } from 'commander';
import { newApiKey } from '../callers/new-key.js';
import { type CommandStreams, PROCESS_STREAMS } from './output.js';

interface NewKeyOptions {
  readonly id: string;
  readonly permissions: string;
  readonly expires?: string;
  readonly json?: true;
}

/** `diegate key new`. */
export function keyCommand({
  streams = PROCESS_STREAMS,
}: {
  readonly streams?: CommandStreams;
} = {}): Command {
  const command = new Command('key').description('API keys of the server');
  command
    .command('new')
    .description('make a key: prints it this once, and its entry for API_KEYS_FILE, which holds only a hash')
    .requiredOption('--id <id>', 'name of the key in logs, such as the tester cell that gets it')
    .requiredOption('--permissions <list>', 'predict, read and admin, separated by commas')
    .option('--expires <time>', 'from when on it is refused, such as 2027-01-31T00:00:00Z')
    .option('--json', 'print key and entry as JSON')
    .action(({ id, permissions, expires, json }: NewKeyOptions) => {
      const split = permissions.split(',').map((permission) => permission.trim());
      const { key, entry } = newApiKey({ id, permissions: split, expires }, randomBytes);
      streams.stdout.write(
        json
          ? `${JSON.stringify({ key, entry })}\n`
          : `The key, shown only this once:\n  ${key}\nIts entry in the list "keys" of API_KEYS_FILE:\n  ${JSON.stringify(entry)}\n`,
      );
    });
  return command;
}
