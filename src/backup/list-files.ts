import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault } from '../errors.js';
import { ModelNameSchema } from '../models/manifest/identity-schema.js';
import { BackupPathSchema } from './index-file.js';

/** File that says which versions take traffic. */
export const SERVING_FILE = 'serving.json';

// A version folder is flat; a link that leads to a folder above itself must not be followed for ever.
const MAX_DEPTH = 8;

/**
 * The files of a model repository, as paths relative to it, sorted: those in its own folder, and all in the
 * folders of models. Hidden ones are versions that are still being written, or Kubernetes' own; links are
 * followed, as it mounts volumes by them.
 * @throws Fault `invalid_data` naming what cannot be listed, or whose name cannot be kept
 */
export async function listRepositoryFiles(root: string): Promise<string[]> {
  const files: string[] = [];
  const walk = async (folder: string, depth: number): Promise<void> => {
    for (const name of (await readdir(join(root, folder))).sort()) {
      if (name.startsWith('.')) continue;
      const path = folder === '' ? name : `${folder}/${name}`;
      const found = await stat(join(root, path));
      if (found.isDirectory()) {
        // Not a model: lost+found of a volume, for example.
        if (depth === 0 && !ModelNameSchema.safeParse(name).success) continue;
        if (depth === MAX_DEPTH) {
          throw new Fault('invalid_data', [`${join(root, path)} is more than ${MAX_DEPTH} folders deep`]);
        }
        await walk(path, depth + 1);
      } else if (found.isFile()) {
        if (!BackupPathSchema.safeParse(path).success) {
          throw new Fault('invalid_data', [
            `${JSON.stringify(path)} cannot be kept in a backup by that name`,
          ]);
        }
        files.push(path);
      }
    }
  };
  try {
    await walk('', 0);
  } catch (error) {
    if (error instanceof Fault) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new Fault('invalid_data', [`the model repository ${root} cannot be read: ${reason}`], error);
  }
  return files;
}
