import { Command } from 'commander';
import { describeSettings } from '../config.js';
import { DIEGATE_VERSION } from '../version.js';
import { scoreInWorker } from './score-in-worker.js';
import { shippedModelCommand } from './shipped-model.js';
import { simulateCommand } from './simulate.js';
import { trainCommand } from './train.js';

/** Runs the server until it ends. */
export type Serve = () => Promise<void>;

/** Runs a command line; `serve` is what its command of that name does. */
export async function runCommand(argv: readonly string[], serve: Serve): Promise<void> {
  await createProgram(serve).parseAsync([...argv]);
}

/** The command line: every command in its own file. */
export function createProgram(serve: Serve): Command {
  const program = new Command('diegate')
    .description('The gate every die passes on the test floor: an ONNX model server.')
    .version(DIEGATE_VERSION)
    .addHelpText('after', () => `\nSettings of the server (environment variables):\n${settingsHelp()}`);
  program.command('serve').description('serve the model repository over HTTP (the default)').action(serve);
  program.addCommand(trainCommand({ scoreDies: scoreInWorker }));
  program.addCommand(simulateCommand());
  program.addCommand(shippedModelCommand({ scoreDies: scoreInWorker }));
  return program;
}

function settingsHelp(): string {
  return describeSettings()
    .map(({ name, defaultText, meaning }) => `  ${name.padEnd(23)}${meaning} (${defaultText})`)
    .join('\n');
}
