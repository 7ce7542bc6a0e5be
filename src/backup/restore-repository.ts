import { lstat, statfs } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { Fault } from '../errors.js';
import { type Disk, systemDisk } from './disk.js';
import { type BackupIndex, totalBytes } from './index-file.js';
import { readBackup } from './read-backup.js';

export interface RestoreOptions {
  readonly archive: string;
  /** Folder to restore to. */
  readonly repository: string;
  /** Whether a repository that is there may be replaced. */
  readonly force: boolean;
  /** Whether a replaced repository is removed, and not kept beside the new one. */
  readonly discard: boolean;
  readonly now: () => Date;
  /** Another one only in tests. */
  readonly disk?: Disk;
}

export interface Restored {
  readonly index: BackupIndex;
  /** Where the replaced repository lies now. */
  readonly previous: string | undefined;
}

/** Proves an archive without writing anything. */
export function checkBackup(archive: string): Promise<BackupIndex> {
  return readBackup(archive, {
    async index() {},
    async file(_file, content) {
      for await (const _chunk of content);
    },
  });
}

/**
 * Restores a repository from an archive. All files are unpacked into a folder beside it, proven and written
 * through to the disk; only then the folders are renamed: the old one away, the new one into its place. A
 * crash before that leaves the old one, after it the new one; between the two renames, which follow each
 * other at once, both lie whole beside the empty place, and the same command ends what it began.
 * @throws Fault `invalid_usage` when a repository is there and `force` is not set; `invalid_backup` when the
 * archive is not whole; `invalid_data` when the folder cannot be written
 */
export async function restoreRepository(options: RestoreOptions): Promise<Restored> {
  const { archive, force, discard, now, disk = systemDisk } = options;
  const target = resolve(options.repository);
  const replaces = await exists(target);
  if (replaces && !force) {
    throw new Fault('invalid_usage', [
      `${target} exists: choose another folder, or --force to replace it (it is kept as ${basename(target)}.previous-<time>)`,
    ]);
  }
  const partial = await writing(target, disk.makeTemporaryFolder(`${target}.restoring-`));
  try {
    const index = await unpack(archive, partial, disk);
    const previous = replaces
      ? `${target}.previous-${now().toISOString().replaceAll(/[:.]/g, '-')}`
      : undefined;
    await writing(target, swap(partial, target, previous, disk));
    if (previous === undefined || !discard) return { index, previous };
    await writing(target, disk.remove(previous));
    return { index, previous: undefined };
  } finally {
    // Best effort: what it would say hides what went wrong.
    await disk.remove(partial).catch(() => {});
  }
}

async function unpack(archive: string, folder: string, disk: Disk): Promise<BackupIndex> {
  const folders = new Set([folder]);
  const index = await readBackup(archive, {
    index: (found) => assertRoom(archive, found, folder),
    async file(file, content) {
      const path = join(folder, file.path);
      for (let at = dirname(path); at !== folder; at = dirname(at)) folders.add(at);
      await writing(folder, disk.makeFolder(dirname(path)));
      await writing(path, disk.writeFile(path, content));
    },
  });
  for (const each of folders) await writing(each, disk.syncFolder(each));
  return index;
}

async function swap(from: string, target: string, previous: string | undefined, disk: Disk): Promise<void> {
  if (previous !== undefined) await disk.rename(target, previous);
  try {
    await disk.rename(from, target);
  } catch (error) {
    if (previous !== undefined)
      await writing(`${target} (its old content is ${previous})`, disk.rename(previous, target));
    throw error;
  }
  await disk.syncFolder(dirname(target));
}

async function assertRoom(archive: string, index: BackupIndex, folder: string): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const [needed, free] = [totalBytes(index), bavail * bsize];
  if (needed > free) {
    throw new Fault('invalid_backup', [
      `${archive} unpacks to ${needed} bytes, the file system of ${folder} has ${free} bytes free`,
    ]);
  }
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

/** What the file system says, with the path that it was about. */
async function writing<T>(path: string, step: Promise<T>): Promise<T> {
  try {
    return await step;
  } catch (error) {
    if (error instanceof Fault) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new Fault('invalid_data', [`${path} cannot be restored: ${reason}`], error);
  }
}
