import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { Transform, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { createTarDecoder, type ParsedTarEntry } from 'modern-tar';
import { Fault } from '../errors.js';
import {
  type BackupFile,
  type BackupIndex,
  FILES_FOLDER,
  INDEX_NAME,
  MAX_INDEX_BYTES,
  parseIndex,
  totalBytes,
} from './index-file.js';

/** What is done with a verified archive's parts, in their order. */
interface BackupSink {
  /** Called first; may throw to refuse the archive. */
  index(index: BackupIndex): Promise<void>;
  /** Takes all bytes of one file. It is known to be whole only when `content` has ended without a throw. */
  file(file: BackupFile, content: AsyncIterable<Uint8Array>): Promise<void>;
}

// What tar adds to each file (header, a long name's own header, padding), and at the end of the archive.
const OVERHEAD_PER_FILE = 8192;
const OVERHEAD = 64 * 1024;

/**
 * Reads an archive and proves it: every file of its index, in that order, with that size and checksum, and
 * nothing else. Streaming: memory does not grow with the files. What unpacks to more than the index tells of
 * is refused as soon as it does.
 * @throws Fault `invalid_backup` naming the archive, and the file where it is one of them
 */
export async function readBackup(archive: string, sink: BackupSink): Promise<BackupIndex> {
  const limit = createLimit(archive, MAX_INDEX_BYTES + OVERHEAD);
  const decoder = createTarDecoder({ strict: true });
  let thrown: unknown;
  const unpacking = pipeline(
    createReadStream(archive, { highWaterMark: 1 << 18 }),
    createGunzip(),
    limit.stream,
    Writable.fromWeb(decoder.writable),
  ).catch((error: unknown) => {
    thrown ??= error;
  });
  try {
    const index = await readEntries(archive, decoder.readable, sink, limit.set);
    await unpacking;
    if (thrown !== undefined) throw thrown;
    return index;
  } catch (error) {
    limit.stream.destroy();
    await unpacking;
    throw faultOf(archive, error instanceof Fault ? error : (thrown ?? error));
  }
}

async function readEntries(
  archive: string,
  entries: AsyncIterable<ParsedTarEntry>,
  sink: BackupSink,
  setLimit: (bytes: number) => void,
): Promise<BackupIndex> {
  let index: BackupIndex | undefined;
  let next = 0;
  for await (const entry of entries) {
    if (index === undefined) {
      index = parseIndex(archive, await indexText(archive, entry));
      setLimit(MAX_INDEX_BYTES + totalBytes(index) + index.files.length * OVERHEAD_PER_FILE + OVERHEAD);
      await sink.index(index);
      continue;
    }
    const file = index.files[next++];
    assertIsFile(archive, entry, file);
    await sink.file(file, verified(archive, file, entry.body));
  }
  if (index === undefined)
    throw new Fault('invalid_backup', [`${archive} is empty, expected a backup of diegate`]);
  const missing = index.files[next];
  if (missing !== undefined) {
    throw new Fault('invalid_backup', [
      `${archive} ends before ${missing.path}: ${index.files.length - next} of ${index.files.length} files are missing`,
    ]);
  }
  return index;
}

async function indexText(archive: string, { header, body }: ParsedTarEntry): Promise<string> {
  if (header.name !== INDEX_NAME || header.type !== 'file') {
    throw new Fault('invalid_backup', [
      `${archive} begins with ${shown(header)}, expected ${INDEX_NAME}: it is not a backup of diegate`,
    ]);
  }
  if (header.size > MAX_INDEX_BYTES) {
    throw new Fault('invalid_backup', [
      `${archive}: ${INDEX_NAME} has ${header.size} bytes, expected at most ${MAX_INDEX_BYTES}`,
    ]);
  }
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

function assertIsFile(
  archive: string,
  { header }: ParsedTarEntry,
  file: BackupFile | undefined,
): asserts file is BackupFile {
  const expected = file === undefined ? 'the end' : `the file ${FILES_FOLDER}${file.path}`;
  if (file === undefined || header.name !== `${FILES_FOLDER}${file.path}` || header.type !== 'file') {
    throw new Fault('invalid_backup', [`${archive} holds ${shown(header)}, its index says ${expected}`]);
  }
  if (header.size !== file.size) {
    throw new Fault('invalid_backup', [
      `${archive}: ${file.path} has ${header.size} bytes, its index says ${file.size}`,
    ]);
  }
}

function shown({ name, type }: ParsedTarEntry['header']): string {
  return `the ${type ?? 'entry'} ${JSON.stringify(name.slice(0, 200))}`;
}

async function* verified(
  archive: string,
  { path, size, sha256 }: BackupFile,
  body: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, void> {
  const hash = createHash('sha256');
  let seen = 0;
  try {
    for await (const chunk of body) {
      hash.update(chunk);
      seen += chunk.length;
      yield chunk;
    }
  } catch (error) {
    // Told here, or whoever writes the bytes would be blamed for it.
    if (error instanceof Fault) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new Fault('invalid_backup', [`${archive}: ${path} cannot be read: ${reason}`], error);
  }
  const found = hash.digest('hex');
  if (seen !== size) {
    throw new Fault('invalid_backup', [`${archive}: ${path} ends after ${seen} of ${size} bytes`]);
  }
  if (found !== sha256) {
    throw new Fault('invalid_backup', [`${archive}: ${path} has sha256 ${found}, its index says ${sha256}`]);
  }
}

/** Passes bytes on up to a limit that may be raised. */
function createLimit(archive: string, first: number): { stream: Transform; set(bytes: number): void } {
  let limit = first;
  let seen = 0;
  const stream = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      seen += chunk.length;
      if (seen <= limit) return done(null, chunk);
      done(
        new Fault('invalid_backup', [
          `${archive} unpacks to more than ${limit} bytes, which is more than its index accounts for`,
        ]),
      );
    },
  });
  return {
    stream,
    set(bytes) {
      limit = bytes;
    },
  };
}

/** gzip's and tar's own complaints do not name the archive. */
function faultOf(archive: string, error: unknown): Error {
  if (error instanceof Fault) return error;
  if (!(error instanceof Error)) return new Error(String(error));
  // A disk that is full or read-only says so itself: no fault of the archive.
  if ('syscall' in error && !error.message.includes(archive)) return error;
  return new Fault('invalid_backup', [`${archive} cannot be read: ${error.message}`], error);
}
