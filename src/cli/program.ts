import { Command } from 'commander';
import type { Environment } from '../config.js';
import { keepHeapSmall } from '../server/heap.js';
import { DIEGATE_VERSION } from '../version.js';

/** What the commands need of the process. */
interface ProgramOptions {
  /** Runs the server until it ends. */
  readonly serve: () => Promise<void>;
  /** Asks a running server for its health. */
  readonly health: () => Promise<void>;
  readonly environment: Environment;
}

/** Runs a command line, having loaded no other command than the one it names. */
export async function runCommand(argv: readonly string[], options: ProgramOptions): Promise<void> {
  if (READS_LOTS.has(argv[2] ?? '')) keepHeapSmall();
  const program = await createProgram(options, argv[2]);
  await program.parseAsync([...argv]);
}

/**
 * Every command in its own file, loaded when it is needed: all of them together take three times as long
 * to load, and twice the memory, as one that reads a lot. In the order of the help.
 */
const COMMANDS = new Map<string, (options: ProgramOptions) => Promise<Command>>([
  ['inspect', async () => (await import('./inspect.js')).inspectCommand()],
  ['score', async () => (await import('./score.js')).scoreCommand()],
  ['table', async () => (await import('./table-command.js')).tableCommand()],
  ['replay', async ({ environment }) => (await import('./replay.js')).replayCommand({ environment })],
  [
    'train',
    async () => {
      const { scoreInWorker } = await import('./score-in-worker.js');
      return (await import('./train.js')).trainCommand({ scoreDies: scoreInWorker });
    },
  ],
  ['what-if', async () => (await import('./what-if.js')).whatIfCommand()],
  ['limits', async () => (await import('./limits.js')).limitsCommand()],
  ['simulate', async () => (await import('./simulate.js')).simulateCommand()],
  ['key', async () => (await import('./key.js')).keyCommand()],
  [
    'shipped-model',
    async () => {
      const { scoreInWorker } = await import('./score-in-worker.js');
      return (await import('./shipped-model.js')).shippedModelCommand({ scoreDies: scoreInWorker });
    },
  ],
  ['check', async () => (await import('./check.js')).checkCommand()],
  ['gate', async () => (await import('./gate.js')).gateCommand()],
  ['quantize', async () => (await import('./quantize.js')).quantizeCommand()],
  ['backup', async () => (await import('./backup.js')).backupCommand()],
  ['restore', async () => (await import('./restore.js')).restoreCommand()],
  ['import', async ({ environment }) => (await import('./import.js')).importCommand({ environment })],
  ['pack', async () => (await import('./pack.js')).packCommand()],
  ['sign', async ({ environment }) => (await import('./sign.js')).signCommand({ environment })],
  ['log', async ({ environment }) => (await import('./log.js')).logCommand({ environment })],
  ['audit', async ({ environment }) => (await import('./audit.js')).auditCommand({ environment })],
  ['verify', async () => (await import('./verify.js')).verifyCommand()],
]);

/** Commands through which a lot of any size passes, part by part. */
const READS_LOTS: ReadonlySet<string> = new Set(['inspect', 'score', 'table']);

/** The command line; with `only` the name of a command, without the others. */
export async function createProgram(options: ProgramOptions, only?: string): Promise<Command> {
  const { serve, health } = options;
  const program = new Command('diegate')
    .description('The gate every die passes on the test floor: an ONNX model server.')
    .version(DIEGATE_VERSION)
    // `import --version 3` is a version of MLflow's, not a question to diegate.
    .enablePositionalOptions();
  program.command('serve').description('serve the model repository over HTTP (the default)').action(serve);
  program
    .command('health')
    .description('ask the server with the same settings whether it lives; exit code 0 if it does')
    .action(health);
  const named = only === undefined ? undefined : COMMANDS.get(only);
  if (named !== undefined) return program.addCommand(await named(options));
  for (const load of COMMANDS.values()) program.addCommand(await load(options));
  const { describeSettings } = await import('../config.js');
  const settings = describeSettings()
    .map(({ name, defaultText, meaning }) => `  ${name.padEnd(30)}${meaning} (${defaultText})`)
    .join('\n');
  program.addHelpText('after', `\nSettings of the server (environment variables):\n${settings}`);
  return program;
}
