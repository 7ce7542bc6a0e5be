import { open } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** A model file in memory, as numbers, because a frame carries nothing else. */
export interface ModelBytes {
  /** The file in pieces one behind the other, and up to three bytes more. */
  readonly words: readonly Float32Array[];
  /** Bytes of the file. */
  readonly length: number;
}

/**
 * Bytes of a piece. One of a hundred megabytes has V8 collect all garbage at once, and everybody waits for that; many small ones have it do
 * so little by little.
 */
const PIECE_BYTES = 1024 * 1024;

/** All files of a model in memory. */
export interface KeptModel {
  readonly graph: ModelBytes;
  /** External data, by path from the graph's folder. */
  readonly external: readonly { readonly path: string; readonly bytes: ModelBytes }[];
}

/**
 * @param files paths of its external data, from its folder
 * @returns undefined when one of them cannot be read
 */
export async function readKeptModel(
  modelFile: string,
  files: readonly string[],
): Promise<KeptModel | undefined> {
  const graph = await readModelBytes(modelFile);
  if (graph === undefined) return undefined;
  const external: { path: string; bytes: ModelBytes }[] = [];
  for (const path of files) {
    const bytes = await readModelBytes(join(dirname(modelFile), path));
    if (bytes === undefined) return undefined;
    external.push({ path, bytes });
  }
  return { graph, external };
}

/** @returns undefined when the file cannot be read */
async function readModelBytes(file: string): Promise<ModelBytes | undefined> {
  try {
    const handle = await open(file);
    try {
      const { size: length } = await handle.stat();
      const words: Float32Array[] = [];
      for (let from = 0; from < length; from += PIECE_BYTES) {
        const bytes = Math.min(PIECE_BYTES, length - from);
        const piece = new Float32Array(Math.ceil(bytes / Float32Array.BYTES_PER_ELEMENT));
        const { bytesRead } = await handle.read(new Uint8Array(piece.buffer), 0, bytes, from);
        if (bytesRead !== bytes) return undefined;
        words.push(piece);
      }
      return { words, length };
    } finally {
      await handle.close();
    }
  } catch {
    return undefined;
  }
}

/** The bytes of a file that came in one frame, where its pieces lie one behind the other, without a copy. */
export function bytesOf({ words: [first = new Float32Array()], length }: ModelBytes): Uint8Array {
  return new Uint8Array(first.buffer, first.byteOffset, length);
}
