import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { open, readFile, rename, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { packTar, type TarSource } from 'modern-tar/fs';
import { Fault } from '../errors.js';
import { syncFolderOf } from './disk.js';
import { BACKUP_FORMAT, type BackupFile, type BackupIndex, FILES_FOLDER, INDEX_NAME } from './index-file.js';
import { listRepositoryFiles, SERVING_FILE } from './list-files.js';

interface WriteBackupOptions {
  readonly repository: string;
  /** Archive to write; replaced, whole or not at all. */
  readonly out: string;
  readonly toolVersion: string;
  readonly now: () => Date;
}

/**
 * Writes a repository into one archive, also while a server runs on it: versions are immutable, and the
 * serving state is read once, before the versions are listed, so that every version it names is there.
 * @returns the index of what was written
 * @throws Fault `invalid_data` when the repository cannot be read or changes meanwhile, or the archive
 * cannot be written
 */
export async function writeBackup(options: WriteBackupOptions): Promise<BackupIndex> {
  const root = resolve(options.repository);
  const serving = await servingState(root);
  const paths = (await listRepositoryFiles(root)).filter((path) => path !== SERVING_FILE);
  if (paths.length === 0) {
    throw new Fault('invalid_data', [
      `the model repository ${root} holds no model, so there is nothing to keep`,
    ]);
  }
  const files: BackupFile[] = [{ path: SERVING_FILE, size: serving.length, sha256: sha256Of(serving) }];
  for (const path of paths) files.push(await describe(root, path));
  const index: BackupIndex = {
    format: BACKUP_FORMAT,
    toolVersion: options.toolVersion,
    created: options.now().toISOString(),
    files,
  };
  await writeArchive(resolve(options.out), sourcesOf(root, index, serving));
  return index;
}

async function servingState(root: string): Promise<Buffer> {
  try {
    return await readFile(join(root, SERVING_FILE));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Fault('invalid_data', [`${join(root, SERVING_FILE)} cannot be read: ${reason}`], error);
  }
}

async function describe(root: string, path: string): Promise<BackupFile> {
  const hash = createHash('sha256');
  let size = 0;
  try {
    for await (const chunk of bytesOf(join(root, path))) {
      hash.update(chunk);
      size += chunk.length;
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Fault('invalid_data', [`${join(root, path)} cannot be read: ${reason}`], error);
  }
  return { path, size, sha256: hash.digest('hex') };
}

function bytesOf(file: string): AsyncIterable<Uint8Array> {
  return createReadStream(file, { highWaterMark: 1 << 18 });
}

function sourcesOf(root: string, index: BackupIndex, serving: Buffer): TarSource[] {
  const mtime = new Date(index.created);
  const content = Buffer.from(`${JSON.stringify(index, undefined, 1)}\n`);
  return [
    { type: 'content', target: INDEX_NAME, content, mtime },
    ...index.files.map((file): TarSource => {
      const target = `${FILES_FOLDER}${file.path}`;
      if (file.path === SERVING_FILE) return { type: 'content', target, content: serving, mtime };
      // Read when its turn comes: not every file is to be open at once.
      return {
        type: 'stream',
        target,
        content: Readable.from(asIndexed(root, file)),
        size: file.size,
        mtime,
      };
    }),
  ];
}

/** The bytes of a file, which must still be those that the index tells of. */
async function* asIndexed(root: string, { path, size, sha256 }: BackupFile): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  let seen = 0;
  for await (const chunk of bytesOf(join(root, path))) {
    hash.update(chunk);
    seen += chunk.length;
    if (seen > size) break;
    yield chunk;
  }
  if (seen !== size || hash.digest('hex') !== sha256) {
    throw new Fault('invalid_data', [
      `${join(root, path)} changed while it was backed up: run the backup again`,
    ]);
  }
}

async function writeArchive(out: string, sources: readonly TarSource[]): Promise<void> {
  const partial = `${out}.partial-${process.pid}`;
  try {
    await pipeline(packTar(sources, { concurrency: 1 }), createGzip(), createWriteStream(partial));
    const handle = await open(partial, 'r+');
    await handle.sync().finally(() => handle.close());
    await rename(partial, out);
    await syncFolderOf(out);
  } catch (error) {
    if (error instanceof Fault) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new Fault('invalid_data', [`${out} cannot be written: ${reason}`], error);
  } finally {
    await rm(partial, { force: true });
  }
}

function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
