import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { hashed, readHashed } from '../../../src/serving/workers/hashed-file.js';

const MB = 1024 * 1024;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'diegate-hashed-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** A file of so many bytes, with a word from somewhere on. */
async function fileOf(length: number, wordAt?: number): Promise<{ file: string; bytes: Buffer }> {
  const bytes = Buffer.alloc(length, 'onnx');
  if (wordAt !== undefined) bytes.write('location', wordAt);
  const file = join(folder, 'model.onnx');
  await writeFile(file, bytes);
  return { file, bytes };
}

test.each([
  ['nothing', 0, undefined],
  ['one byte', 1, undefined],
  ['less than a piece', MB, undefined],
  ['a piece', 4 * MB, undefined],
  ['several pieces and the word across two of them', 9 * MB, 8 * MB - 3],
  ['a piece that ends with the word', 4 * MB, 4 * MB - 8],
  ['a piece that begins with the word', 5 * MB, 4 * MB],
])(
  'a file of %s is read whole, with its checksum and whether the word is in it',
  async (_, length, wordAt) => {
    const { file, bytes } = await fileOf(length, wordAt);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const found = await readHashed(file, 'location');
    expect([found.sha256, found.mentions]).toEqual([sha256, wordAt !== undefined]);
    expect(Buffer.compare(found.bytes, bytes)).toBe(0);
    const atHand = hashed(bytes, 'location');
    expect([atHand.sha256, atHand.mentions]).toEqual([sha256, wordAt !== undefined]);
  },
);

test('a file that is not there, or is a folder, is the error of the file system', async () => {
  await expect(readHashed(join(folder, 'none'), 'location')).rejects.toMatchObject({ code: 'ENOENT' });
  await expect(readHashed(folder, 'location')).rejects.toMatchObject({ code: 'EISDIR' });
});
