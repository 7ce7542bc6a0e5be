import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { Fault } from '../../errors.js';
import { comesOnce, openSource } from '../../unpack/file-source.js';

/** A lot file as the user calls it, and where its bytes can be read. */
export interface LotInput {
  /** As on the command line; messages and the column `stdf_file` have it. */
  readonly name: string;
  readonly path: string;
}

interface LotInputs {
  readonly inputs: readonly LotInput[];
  /** Removes what was copied. */
  drop(): Promise<void>;
}

/** Files that are read once, as they are. */
export function readOnce(files: readonly string[]): LotInputs {
  return { inputs: files.map((file) => ({ name: file, path: file })), drop: async () => {} };
}

/**
 * Files that may be read twice: what has its bytes only once, standard input and pipes, is copied to a file
 * beside `out`, packed as it is.
 * @throws Fault `invalid_data` when a file cannot be read or its copy cannot be written
 */
export async function readAgain(files: readonly string[], out: string): Promise<LotInputs> {
  const copies: string[] = [];
  const drop = async () => {
    for (const copy of copies) await rm(copy, { force: true });
  };
  try {
    const inputs: LotInput[] = [];
    for (const [i, file] of files.entries()) {
      if (!(await comesOnce(file))) {
        inputs.push({ name: file, path: file });
        continue;
      }
      const copy = `${out}.${i}.input`;
      copies.push(copy);
      await copyOf(file, copy);
      inputs.push({ name: file, path: copy });
    }
    return { inputs, drop };
  } catch (error) {
    await drop();
    throw error;
  }
}

async function copyOf(file: string, copy: string): Promise<void> {
  try {
    const { bytes } = await openSource(file);
    await pipeline(bytes, createWriteStream(copy));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Fault('invalid_data', [`${file} cannot be copied to ${copy}: ${reason}`], error);
  }
}
