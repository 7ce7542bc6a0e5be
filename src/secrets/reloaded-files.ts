import { stat } from 'node:fs/promises';
import type { FastifyBaseLogger } from 'fastify';
import { Fault } from '../errors.js';
import type { Clock } from '../serving/clock.js';

interface ReloadedFilesOptions<T> {
  /** What the log calls them. */
  readonly what: string;
  /** Paths; a symbolic link, as Kubernetes swaps it in a Secret volume, is followed. */
  readonly files: readonly string[];
  /**
   * Reads and checks all of them.
   * @throws Fault with one line for each problem
   */
  readonly read: () => Promise<T>;
  /** Called with what was read anew, never with the first. */
  readonly onReload?: (value: T) => void;
  /** Told after `onReload`: which files were read anew, by what the log calls them. */
  readonly onReloaded?: ((what: string, files: readonly string[]) => void) | undefined;
  /** How often to look for a change. */
  readonly intervalMs: number;
  readonly clock: Pick<Clock, 'after'>;
  readonly logger: Pick<FastifyBaseLogger, 'info' | 'error'>;
}

/**
 * The content of files that may be replaced while the server runs. What cannot be read, or is wrong, is
 * logged once and changes nothing: the last good content stays. Looks at the files by the clock, because
 * notices of the file system miss swapped links and network volumes.
 */
export class ReloadedFiles<T> {
  readonly #options: ReloadedFilesOptions<T>;
  #current: T;
  #seen: string;
  #cancel: () => void = () => {};
  #stopped = false;

  private constructor(options: ReloadedFilesOptions<T>, current: T, seen: string) {
    this.#options = options;
    this.#current = current;
    this.#seen = seen;
    this.#schedule();
  }

  /**
   * Reads the files for the first time.
   * @throws Fault of `read`
   */
  static async open<T>(options: ReloadedFilesOptions<T>): Promise<ReloadedFiles<T>> {
    // Before they are read, so that no change in between is missed.
    const seen = await identityOf(options.files);
    return new ReloadedFiles(options, await options.read(), seen);
  }

  /** The last good content. */
  get current(): T {
    return this.#current;
  }

  /** Looks for a change now, and reads the files if there is one. */
  async check(): Promise<void> {
    const seen = await identityOf(this.#options.files);
    if (seen === this.#seen) return;
    await this.#read(seen);
  }

  /** Reads the files now, whether they have changed or not. */
  async reload(): Promise<void> {
    await this.#read(await identityOf(this.#options.files));
  }

  async #read(seen: string): Promise<void> {
    const { files, what, read, onReload, onReloaded, logger } = this.#options;
    this.#seen = seen;
    try {
      const value = await read();
      onReload?.(value);
      this.#current = value;
      logger.info({ what, files }, 'reloaded');
      onReloaded?.(what, files);
    } catch (error) {
      const problems = error instanceof Fault ? error.problems : [String(error)];
      logger.error({ what, files, problems }, 'cannot be reloaded, the last good content stays');
    }
  }

  /** Looks no more. */
  stop(): void {
    this.#stopped = true;
    this.#cancel();
  }

  #schedule(): void {
    if (this.#stopped) return;
    const { clock, intervalMs } = this.#options;
    this.#cancel = clock.after(intervalMs, () => {
      void this.check().finally(() => this.#schedule());
    });
  }
}

/** Changes whenever a file is replaced or written to. */
async function identityOf(files: readonly string[]): Promise<string> {
  const identities = await Promise.all(
    files.map(async (file) => {
      try {
        const { dev, ino, size, mtimeNs, ctimeNs } = await stat(file, { bigint: true });
        return [dev, ino, size, mtimeNs, ctimeNs].join(':');
      } catch {
        return 'missing';
      }
    }),
  );
  return identities.join(' ');
}
