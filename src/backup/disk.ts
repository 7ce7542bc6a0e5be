import { createWriteStream } from 'node:fs';
import { chmod, mkdir, mkdtemp, open, rename, rm, symlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';

/** Everything that a restore does to a file system, each call one step that a crash may come before. */
export interface Disk {
  /** A new folder whose name begins with `prefix`, readable by others. */
  makeTemporaryFolder(prefix: string): Promise<string>;
  makeFolder(folder: string): Promise<void>;
  /** Writes a new file and waits until it is on the disk. */
  writeFile(file: string, content: AsyncIterable<Uint8Array>): Promise<void>;
  /** Waits until a folder's list of names is on the disk. */
  syncFolder(folder: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Makes a link at `path` that leads to `to`. */
  link(to: string, path: string): Promise<void>;
  /** Removes a folder and all in it. */
  remove(folder: string): Promise<void>;
}

export const systemDisk: Disk = {
  async makeTemporaryFolder(prefix) {
    const folder = await mkdtemp(prefix);
    // mkdtemp's folders are private; the repository is to be read by the server's user.
    await chmod(folder, 0o755);
    return folder;
  },
  async makeFolder(folder) {
    await mkdir(folder, { recursive: true });
  },
  async writeFile(file, content) {
    // `flush` is fsync before the file is closed.
    await pipeline(content, createWriteStream(file, { flags: 'wx', flush: true }));
  },
  syncFolder,
  rename,
  link: (to, path) => symlink(to, path),
  async remove(folder) {
    await rm(folder, { recursive: true, force: true });
  },
};

/** Waits until the name of a file or folder is on the disk. */
export async function syncFolderOf(path: string): Promise<void> {
  await syncFolder(dirname(path));
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  await handle.sync().finally(() => handle.close());
}
