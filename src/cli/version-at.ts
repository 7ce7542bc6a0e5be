import { basename, dirname, resolve } from 'node:path';
import type { ModelVersion } from '../models/model-version.js';
import { readVersion } from '../models/repository/read-version.js';

/**
 * The version whose folder is given: its name and number are those of the folders.
 * @throws Fault `invalid_model` with one line for each problem
 */
export function versionAt(folder: string): Promise<ModelVersion> {
  const path = resolve(folder);
  return readVersion(path, basename(dirname(path)), basename(path));
}
