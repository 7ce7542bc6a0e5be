import { type ChildProcess, spawn } from 'node:child_process';
import { setPriority } from 'node:os';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { Clock } from '../serving/clock.js';
import type { FromWriter, WriterSettings } from './thread-messages.js';

const SEAL_ENTRY = fileURLToPath(new URL('./seal-process.js', import.meta.url));

const SealedSchema = z.object({
  segment: z.int(),
  records: z.int(),
  bytes: z.int(),
  root: z.string(),
  checkpoint: z.string(),
  isSigned: z.boolean(),
});

interface SealerOptions {
  readonly settings: Pick<WriterSettings, 'folder' | 'name' | 'keyFile'>;
  readonly clock: Clock;
  readonly say: (message: FromWriter) => void;
  /** A segment has been sealed. */
  readonly onSealed: () => void;
}

// A disk that is full is not tried without a pause.
const RETRY_AFTER_MS = 60_000;
// The lowest: where cores are short, dies come first, and a segment is sealed some seconds later.
const PRIORITY = 19;

/** Has closed segments sealed, one after another in their order, by processes of their own. */
export class Sealer {
  readonly #options: SealerOptions;
  readonly #waiting: number[] = [];
  #child: ChildProcess | undefined;
  #isPaused = false;
  #hasStopped = false;

  constructor(options: SealerOptions) {
    this.#options = options;
  }

  /** Has a segment sealed when those before it are. */
  add(segment: number): void {
    this.#waiting.push(segment);
    this.#next();
  }

  /** Seals no more; what is under way is broken off, and done again by the next server. */
  stop(): void {
    this.#hasStopped = true;
    this.#child?.kill('SIGKILL');
  }

  #next(): void {
    const [segment] = this.#waiting;
    if (segment === undefined || this.#child !== undefined || this.#isPaused || this.#hasStopped) return;
    const { folder, name, keyFile } = this.#options.settings;
    const child = spawn(
      process.execPath,
      [SEAL_ENTRY, folder, String(segment), name, ...(keyFile === undefined ? [] : [keyFile])],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    this.#child = child;
    const said = { stdout: '', stderr: '' };
    for (const stream of ['stdout', 'stderr'] as const)
      child[stream].setEncoding('utf8').on('data', (text: string) => {
        said[stream] += text;
      });
    child.on('error', (error) => {
      said.stderr += error.message;
    });
    child.on('close', (code) => this.#ended(segment, code, said));
    if (child.pid !== undefined) lower(child.pid);
  }

  #ended(
    segment: number,
    code: number | null,
    said: { readonly stdout: string; readonly stderr: string },
  ): void {
    const { say, clock, onSealed } = this.#options;
    this.#child = undefined;
    if (this.#hasStopped) return;
    const sealed = code === 0 ? SealedSchema.safeParse(JSON.parse(said.stdout)) : undefined;
    if (sealed?.success) {
      this.#waiting.shift();
      say({ type: 'sealed', ...sealed.data });
      onSealed();
      this.#next();
      return;
    }
    say({ type: 'sealFailed', segment, reason: said.stderr.trim().slice(0, 500) });
    this.#isPaused = true;
    clock.after(RETRY_AFTER_MS, () => {
      this.#isPaused = false;
      this.#next();
    });
  }
}

function lower(pid: number): void {
  try {
    setPriority(pid, PRIORITY);
  } catch {
    // It has ended already, or may not.
  }
}
