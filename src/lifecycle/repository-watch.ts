import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Clock } from '../serving/clock.js';
import type { RepositorySync } from './repository-sync.js';

interface RepositoryWatchOptions {
  readonly folder: string;
  readonly servingFile: string;
  readonly sync: Pick<RepositorySync, 'follow'>;
  readonly clock: Clock;
  readonly everyMs: number;
  readonly logger: Pick<Logger, 'warn' | 'error' | 'info'>;
}

/** What the files of the repository look like from outside. */
interface Marks {
  readonly serving: string;
  readonly versions: string;
}

const NOTHING: Marks = { serving: '', versions: '' };

const FILES = ['manifest.json', 'model.onnx', 'reference.json', 'golden.json'];

/**
 * Looks at the repository every so often and follows it once it holds still. By looking and not by events
 * of the file system, which network volumes do not send and a swapped link (Kubernetes volumes) hides.
 */
export class RepositoryWatch {
  readonly #options: RepositoryWatchOptions;
  #followed = NOTHING;
  #seen = NOTHING;
  #stopped = false;
  #cancel: () => void = () => {};

  constructor(options: RepositoryWatchOptions) {
    this.#options = options;
  }

  /** Begins to look; what the repository holds now counts as followed. */
  async start(): Promise<void> {
    this.#followed = await this.#marks();
    this.#seen = this.#followed;
    this.#plan();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel();
  }

  #plan(): void {
    if (this.#stopped) return;
    const { clock, everyMs } = this.#options;
    this.#cancel = clock.after(everyMs, () => void this.look().finally(() => this.#plan()));
  }

  /**
   * Looks once, and follows what has looked the same twice in a row: a version that is being copied is not
   * whole yet. What cannot be followed is logged, and tried again when it has changed.
   */
  async look(): Promise<void> {
    const { sync, logger } = this.#options;
    const now = await this.#marks();
    const isStill = isSame(now, this.#seen);
    this.#seen = now;
    if (!isStill || isSame(now, this.#followed)) return;
    const versions = now.versions !== this.#followed.versions;
    this.#followed = now;
    try {
      await sync.follow({ versions });
      logger.info('the model repository has changed and is followed');
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      logger.error({ reason }, 'the model repository has changed and cannot be followed');
    }
  }

  /** Names, sizes, times and inodes of the files that matter; a folder that cannot be read has none. */
  async #marks(): Promise<Marks> {
    const { folder, servingFile } = this.#options;
    const marks: string[] = [];
    for (const name of await names(folder)) {
      for (const number of await names(join(folder, name))) {
        const version = join(folder, name, number);
        for (const file of FILES) marks.push(await mark(join(version, file)));
      }
    }
    return { serving: await mark(servingFile), versions: marks.join('\n') };
  }
}

function isSame(a: Marks, b: Marks): boolean {
  return a.serving === b.serving && a.versions === b.versions;
}

async function names(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch {
    return [];
  }
}

async function mark(file: string): Promise<string> {
  try {
    const { size, mtimeMs, ino } = await stat(file);
    return `${file} ${size} ${mtimeMs} ${ino}`;
  } catch {
    return '';
  }
}
