import { constants } from 'node:fs';
import { access, realpath, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { Fault } from '../errors.js';

/**
 * Checks, before any work is done, that files can be written where options say: that their folders are there
 * and writable, and that none of them is an input or another output.
 * @throws Fault `invalid_usage` with one line for each problem
 */
export async function assertWritable(
  outputs: Readonly<Record<string, string | undefined>>,
  inputs: readonly string[],
): Promise<void> {
  const taken = new Map<string, string>();
  for (const input of inputs) taken.set(await identityOf(input), `the input ${input}`);
  const problems: string[] = [];
  for (const [option, file] of Object.entries(outputs)) {
    if (file === undefined) continue;
    const identity = await identityOf(file);
    const other = taken.get(identity);
    if (other !== undefined) problems.push(`${option}: ${file} is ${other} too, expected a file of its own`);
    taken.set(identity, option);
    const reason = await unwritable(file);
    if (reason !== undefined) problems.push(`${option}: ${file} cannot be written: ${reason}`);
  }
  if (problems.length > 0) throw new Fault('invalid_usage', problems);
}

/**
 * Checks that files can be written into a folder, which is made when it is needed: that it is one, or that the
 * nearest folder that is there takes a new one.
 * @throws Fault `invalid_usage` naming the folder and the reason
 */
export async function assertFolderWritable(option: string, folder: string): Promise<void> {
  let nearest = resolve(folder);
  for (;;) {
    const found = await stat(nearest).catch(() => undefined);
    if (found === undefined && dirname(nearest) !== nearest) {
      nearest = dirname(nearest);
      continue;
    }
    const reason = found?.isDirectory()
      ? await access(nearest, constants.W_OK).then(() => undefined, String)
      : `${nearest} is no folder`;
    if (reason === undefined) return;
    throw new Fault('invalid_usage', [`${option}: ${folder} cannot be written to: ${reason}`]);
  }
}

/** What two paths of one file have in common. */
async function identityOf(file: string): Promise<string> {
  return realpath(file).catch(() => resolve(file));
}

async function unwritable(file: string): Promise<string | undefined> {
  try {
    await access(dirname(resolve(file)), constants.W_OK);
    const found = await stat(file).catch(() => undefined);
    if (found?.isDirectory()) return 'it is a folder';
    if (found !== undefined) await access(file, constants.W_OK);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Waits for a file to be written. @throws Fault `invalid_data` naming it where it cannot be */
export async function written(file: string, writing: Promise<void>): Promise<void> {
  try {
    await writing;
  } catch (error) {
    if (error instanceof Fault) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new Fault('invalid_data', [`${file} cannot be written: ${reason}`], error);
  }
}
