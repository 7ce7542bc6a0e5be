import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

export const REPOSITORY_ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

/** How a process ended, and all that it said. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** `node dist/main.js`, or a command line of which that is the end. */
export class ServerProcess {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  #stdout = '';
  #stderr = '';

  constructor(
    environment: Readonly<Record<string, string>>,
    { args = [], wrapper = [] }: { args?: readonly string[]; wrapper?: readonly string[] } = {},
  ) {
    const [command = '', ...rest] = [...wrapper, process.execPath, MAIN, ...args];
    this.child = spawn(command, rest, {
      cwd: REPOSITORY_ROOT,
      // Nothing of the test's own environment but where programs are.
      env: { PATH: process.env.PATH, HOST: '127.0.0.1', PORT: '0', INFERENCE_WORKERS: '1', ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout += text;
    });
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
    });
    this.ended = once(this.child, 'close').then(() => ({
      code: this.child.exitCode,
      stdout: this.#stdout,
      stderr: this.#stderr,
    }));
    onTestFinished(() => {
      this.child.kill('SIGKILL');
    });
  }

  /** What the process has said on stderr once it matches; fails when the process ends first. */
  async saysOnStderr(pattern: RegExp): Promise<string> {
    while (!pattern.test(this.#stderr)) await this.#more(this.child.stderr);
    return this.#stderr;
  }

  /** The first line of the log that matches. */
  async logs(pattern: RegExp): Promise<string> {
    for (;;) {
      const line = this.#stdout.split('\n').find((text) => pattern.test(text));
      if (line !== undefined) return line;
      await this.#more(this.child.stdout);
    }
  }

  /** Where it serves, once it is ready. */
  async url(): Promise<string> {
    const said = await this.saysOnStderr(/ is ready on (\S+)[\s\S]*Try it.*\n/);
    return / is ready on (\S+)/.exec(said)?.[1] ?? '';
  }

  async #more(stream: NodeJS.ReadableStream | null): Promise<void> {
    if (stream === null) throw new Error('the process has no such stream');
    await Promise.race([
      once(stream, 'data'),
      this.ended.then(({ code, stdout, stderr }) => {
        throw new Error(`the process ended with code ${code}\n${stdout}\n${stderr}`);
      }),
    ]);
  }
}

/** The lines of a text, without the empty ones. */
export function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line !== '');
}
