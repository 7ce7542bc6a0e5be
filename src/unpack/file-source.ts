import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';

/** What a command line calls its standard input. */
export const STANDARD_INPUT = '-';

/** Bytes of one read; small enough for progress to move. */
const CHUNK_BYTES = 256 * 1024;

interface FileSource {
  /** Bytes of the file as it lies; undefined of what has no size, such as standard input. */
  readonly size: number | undefined;
  /** Can be read once. */
  readonly bytes: AsyncIterable<Uint8Array>;
}

/** The bytes of a file, or of standard input for `-`. Rejects with the system's error where there is none. */
export async function openSource(file: string): Promise<FileSource> {
  if (file === STANDARD_INPUT) return { size: undefined, bytes: process.stdin };
  const found = await stat(file);
  const size = found.isFile() ? found.size : undefined;
  return { size, bytes: createReadStream(file, { highWaterMark: CHUNK_BYTES }) };
}

/** Whether the bytes of a file come once: those of standard input and of pipes do. */
export async function comesOnce(file: string): Promise<boolean> {
  if (file === STANDARD_INPUT) return true;
  const found = await stat(file).catch(() => undefined);
  return found !== undefined && !found.isFile() && !found.isDirectory();
}
