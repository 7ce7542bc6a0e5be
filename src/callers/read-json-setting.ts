import { readFile } from 'node:fs/promises';
import { Fault } from '../errors.js';

/**
 * Reads the JSON file that a setting names.
 * @throws Fault `invalid_config` where it cannot be read or is not JSON
 */
export async function readJsonSetting(setting: string, file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    // What JSON.parse says may quote the file.
    const reason =
      error instanceof SyntaxError
        ? 'it is not JSON'
        : error instanceof Error
          ? error.message
          : String(error);
    throw new Fault('invalid_config', [`${setting}: ${file} cannot be read as JSON: ${reason}`], error);
  }
}
