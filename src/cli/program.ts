import { Command } from 'commander';
import { describeSettings, type Environment } from '../config.js';
import { DIEGATE_VERSION } from '../version.js';
import { backupCommand } from './backup.js';
import { checkCommand } from './check.js';
import { gateCommand } from './gate.js';
import { inspectCommand } from './inspect.js';
import { keyCommand } from './key.js';
import { replayCommand } from './replay.js';
import { restoreCommand } from './restore.js';
import { scoreCommand } from './score.js';
import { scoreInWorker } from './score-in-worker.js';
import { shippedModelCommand } from './shipped-model.js';
import { signCommand } from './sign.js';
import { simulateCommand } from './simulate.js';
import { trainCommand } from './train.js';
import { verifyCommand } from './verify.js';

/** What the commands need of the process. */
export interface ProgramOptions {
  /** Runs the server until it ends. */
  readonly serve: () => Promise<void>;
  /** Asks a running server for its health. */
  readonly health: () => Promise<void>;
  readonly environment: Environment;
}

/** Runs a command line. */
export async function runCommand(argv: readonly string[], options: ProgramOptions): Promise<void> {
  await createProgram(options).parseAsync([...argv]);
}

/** The command line: every command in its own file. */
export function createProgram({ serve, health, environment }: ProgramOptions): Command {
  const program = new Command('diegate')
    .description('The gate every die passes on the test floor: an ONNX model server.')
    .version(DIEGATE_VERSION)
    .addHelpText('after', () => `\nSettings of the server (environment variables):\n${settingsHelp()}`);
  program.command('serve').description('serve the model repository over HTTP (the default)').action(serve);
  program
    .command('health')
    .description('ask the server with the same settings whether it lives; exit code 0 if it does')
    .action(health);
  program.addCommand(inspectCommand());
  program.addCommand(scoreCommand());
  program.addCommand(replayCommand({ environment }));
  program.addCommand(trainCommand({ scoreDies: scoreInWorker }));
  program.addCommand(simulateCommand());
  program.addCommand(keyCommand());
  program.addCommand(shippedModelCommand({ scoreDies: scoreInWorker }));
  program.addCommand(checkCommand());
  program.addCommand(gateCommand());
  program.addCommand(backupCommand());
  program.addCommand(restoreCommand());
  program.addCommand(signCommand({ environment }));
  program.addCommand(verifyCommand());
  return program;
}

function settingsHelp(): string {
  return describeSettings()
    .map(({ name, defaultText, meaning }) => `  ${name.padEnd(30)}${meaning} (${defaultText})`)
    .join('\n');
}
