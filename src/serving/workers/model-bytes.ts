import { open } from 'node:fs/promises';

/** A model file in memory, as numbers, because a frame carries nothing else. */
export interface ModelBytes {
  /** The file, and up to three bytes more. */
  readonly words: Float32Array;
  /** Bytes of the file. */
  readonly length: number;
}

/** @returns undefined when the file cannot be read */
export async function readModelBytes(file: string): Promise<ModelBytes | undefined> {
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
