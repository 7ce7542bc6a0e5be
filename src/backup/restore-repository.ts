import { lstat, realpath, statfs } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { Fault } from '../errors.js';
import { type Disk, systemDisk } from './disk.js';
import { type BackupIndex, totalBytes } from './index-file.js';
import { readBackup } from './read-backup.js';

interface RestoreOptions {
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

interface Restored {
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
 * through to the disk; only then it takes the place of the old one. Where the repository is a link, the link is
 * replaced in one step: a crash leaves the old one or the new one, whenever it comes. Where it is a folder, two
 * are renamed, the old one away and the new one into its place: a crash between these two, which follow each
 * other at once, leaves both whole beside the empty place, and the same command ends what it began.
 * @throws Fault `invalid_usage` when a repository is there and `force` is not set; `invalid_backup` when the
 * archive is not whole; `invalid_data` when the folder cannot be written
 */
export async function restoreRepository(options: RestoreOptions): Promise<Restored> {
  const { archive, force, discard, now, disk = systemDisk } = options;
  const target = resolve(options.repository);
  const found = await lstat(target).catch(() => undefined);
  if (found !== undefined && !force) {
    throw new Fault('invalid_usage', [
      `${target} exists: choose another folder, or --force to replace it (the old one is kept unless --discard is given)`,
    ]);
  }
  const time = now().toISOString().replaceAll(/[:.]/g, '-');
  const partial = await writing(target, disk.makeTemporaryFolder(`${target}.restoring-`));
  try {
    const index = await unpack(archive, partial, disk);
    const place = found?.isSymbolicLink() ? relink : found === undefined ? putThere : swap;
    const previous = await writing(target, place({ from: partial, target, time, disk }));
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

/** How a restored folder takes its place; the answer is where the old repository lies then. */
interface Placing {
  readonly from: string;
  readonly target: string;
  /** Fit for a name. */
  readonly time: string;
  readonly disk: Disk;
}

async function putThere({ from, target, disk }: Placing): Promise<undefined> {
  await disk.rename(from, target);
  await disk.syncFolder(dirname(target));
}

async function swap({ from, target, time, disk }: Placing): Promise<string> {
  const previous = `${target}.previous-${time}`;
  await disk.rename(target, previous);
  try {
    await disk.rename(from, target);
  } catch (error) {
    const old = `${target} (its old content is ${previous})`;
    await writing(old, disk.rename(previous, target));
    throw error;
  }
  await disk.syncFolder(dirname(target));
  return previous;
}

async function relink({ from, target, time, disk }: Placing): Promise<string | undefined> {
  const previous = await realpath(target).catch(() => undefined);
  const folder = `${target}.restored-${time}`;
  const link = `${folder}.link`;
  await disk.rename(from, folder);
  try {
    await disk.link(basename(folder), link);
    await disk.rename(link, target);
  } catch (error) {
    for (const path of [link, folder]) await disk.remove(path).catch(() => {});
    throw error;
  }
  await disk.syncFolder(dirname(target));
  return previous;
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
