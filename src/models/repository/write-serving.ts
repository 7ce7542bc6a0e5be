import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { ReadServing, Serving } from './serving.js';

/**
 * Replaces `serving.json` by rename, so that a reader and a crash at any moment find the old file or the
 * new one, whole.
 * @param faulty entries that were not understood and stay in the file as they are, whatever is followed instead
 * @throws the error of the file system; the old file is then still there
 */
export async function writeServing(
  file: string,
  serving: Serving,
  faulty: ReadServing['faulty'],
): Promise<void> {
  const kept = Object.fromEntries(Array.from(faulty, ([name, { entry }]) => [name, entry]));
  const content = { ...serving, models: { ...serving.models, ...kept } };
  const temporary = `${file}.${process.pid}.tmp`;
  try {
    const handle = await open(temporary, 'w', 0o644);
    try {
      await handle.writeFile(`${JSON.stringify(content, undefined, 2)}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    throw error;
  }
  await syncFolder(dirname(file));
}

/** Makes the rename itself last through a power failure, where the file system can. */
async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch {
    // Some network file systems cannot sync a folder; the file's content is safe all the same.
  }
}
