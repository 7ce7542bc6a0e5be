import { open } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** A model file in memory, as numbers, because a frame carries nothing else. */
export interface ModelBytes {
  /** The file, and up to three bytes more. */
  readonly words: Float32Array;
  /** Bytes of the file. */
  readonly length: number;
}

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
      const words = new Float32Array(Math.ceil(length / Float32Array.BYTES_PER_ELEMENT));
      const { bytesRead } = await handle.read(new Uint8Array(words.buffer), 0, length, 0);
      return bytesRead === length ? { words, length } : undefined;
    } finally {
      await handle.close();
    }
  } catch {
    return undefined;
  }
}

/** The bytes of the file, without a copy. */
export function bytesOf({ words, length }: ModelBytes): Uint8Array {
  return new Uint8Array(words.buffer, words.byteOffset, length);
}
