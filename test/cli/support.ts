import type { Command } from 'commander';
import type { CommandStreams } from '../../src/cli/output.js';
import { Fault } from '../../src/errors.js';
import { Collector } from '../support/collector.js';

/** A terminal, as far as commands look at one. */
export interface FakeTerminal {
  readonly columns: number;
  readonly color: boolean;
}

/** Runs a command as a shell would and returns what it wrote. */
export async function runCommand(
  make: (streams: CommandStreams) => Command,
  args: readonly string[],
  terminal?: FakeTerminal,
): Promise<{ readonly out: string; readonly progress: string }> {
  const shown = terminal && { isTTY: true, columns: terminal.columns, hasColors: () => terminal.color };
  const stdout = Object.assign(new Collector(), shown);
  const stderr = Object.assign(new Collector(), { isTTY: terminal !== undefined });
  await make({ stdout, stderr }).parseAsync([...args], { from: 'user' });
  return { out: stdout.text, progress: stderr.text };
}

/** The problems of the fault that a command ends with. */
export async function problemsOf(running: Promise<unknown>): Promise<readonly string[]> {
  const error: unknown = await running.then(
    () => new Error('the command succeeded'),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof Fault)) throw error;
  return error.problems;
}
