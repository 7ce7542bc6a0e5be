import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { crc32 } from 'node:zlib';
import type { Entry, ZipFile } from 'yauzl';
import { PackedDamage, reasonOf } from './packed-damage.js';

/** A file within an archive. Its bytes must be read before the next file is asked for. */
export interface ArchivedFile {
  readonly name: string;
  readonly bytes: AsyncIterable<Uint8Array>;
}

/**
 * The files of a zip archive, in its order. An archive's index is at its
 * end, so it is kept in a temporary file while it is read; a cut archive has none and gives nothing.
 */
export async function* unzip(
  input: AsyncIterable<Uint8Array>,
  unpacked: (bytes: number) => void,
): AsyncGenerator<ArchivedFile, void, void> {
  const folder = await mkdtemp(join(tmpdir(), 'diegate-zip-'));
  try {
    const file = join(folder, 'archive.zip');
    await pipeline(input, createWriteStream(file));
    yield* filesOf(file, unpacked);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function* filesOf(
  file: string,
  unpacked: (bytes: number) => void,
): AsyncGenerator<ArchivedFile, void, void> {
  const { openPromise } = await import('yauzl');
  try {
    const archive = await openPromise(file, { autoClose: false });
    try {
      for await (const entry of archive.eachEntry()) {
        if (entry.fileName.endsWith('/')) continue;
        yield { name: entry.fileName, bytes: bytesOf(archive, entry, unpacked) };
      }
    } finally {
      archive.close();
    }
  } catch (error) {
    throw damageOf(error);
  }
}

async function* bytesOf(
  archive: ZipFile,
  entry: Entry,
  unpacked: (bytes: number) => void,
): AsyncGenerator<Uint8Array, void, void> {
  let checksum = 0;
  try {
    const stream: AsyncIterable<Buffer> = await archive.openReadStreamPromise(entry);
    for await (const chunk of stream) {
      checksum = crc32(chunk, checksum);
      unpacked(chunk.length);
      yield chunk;
    }
  } catch (error) {
    throw damageOf(error);
  }
  if (checksum !== entry.crc32) throw new PackedDamage('corrupt', `${entry.fileName}: its checksum differs`);
}

function damageOf(error: unknown): PackedDamage {
  if (error instanceof PackedDamage) return error;
  const reason = reasonOf(error);
  return new PackedDamage(/central directory/i.test(reason) ? 'truncated' : 'corrupt', reason, error);
}
