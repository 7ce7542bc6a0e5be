import { closeSync, fdatasyncSync, fstatSync, fsyncSync, ftruncateSync, openSync, writeSync } from 'node:fs';

/** What the writer of records does with the disk; a test puts a full, slow or broken one in its place. */
export interface RecordsDisk {
  /** Opens a file that must not be there yet, for writing. */
  create(file: string): number;
  write(fd: number, bytes: Uint8Array, position: number): void;
  sync(fd: number): void;
  truncate(fd: number, bytes: number): void;
  /** Whether the file still has a name in some folder. */
  isThere(fd: number): boolean;
  close(fd: number): void;
  /** Makes the names in a folder durable. */
  syncFolder(folder: string): void;
}

/** The disk itself. */
export const realDisk: RecordsDisk = {
  // Of the records of a gate only its own user has to read anything.
  create: (file) => openSync(file, 'wx', 0o640),
  write(fd, bytes, position) {
    for (let from = 0; from < bytes.length; )
      from += writeSync(fd, bytes, from, bytes.length - from, position + from);
  },
  sync: fdatasyncSync,
  truncate: ftruncateSync,
  isThere: (fd) => fstatSync(fd).nlink > 0,
  close: closeSync,
  syncFolder(folder) {
    const fd = openSync(folder, 'r');
    try {
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  },
};
