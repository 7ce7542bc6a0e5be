import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { lstat, readdir, stat } from 'node:fs/promises';
import { basename, join, posix } from 'node:path';
import { Fault } from '../errors.js';
import { ALWAYS_IGNORED, type HashType, type SignedFiles } from './statement.js';

const MAX_DEPTH = 32;

/** What of a folder belongs to a model. */
interface ModelScope {
  readonly followsLinks: boolean;
  /** Paths from the root, each with all that lies below it. */
  readonly ignored: readonly string[];
}

/**
 * The files of a model, as paths from its root: all regular files of a folder, or the file itself.
 * @throws Fault `invalid_signature` naming a link that is not to be followed, or anything that is no file
 */
export async function listModelFiles(root: string, scope: ModelScope): Promise<string[]> {
  if ((await stat(root)).isFile()) return [basename(root)];
  const ignored = new Set([
    ...ALWAYS_IGNORED,
    ...scope.ignored.map((path) => posix.normalize(path).replace(/\/$/, '')),
  ]);
  const files: string[] = [];
  const walk = async (folder: string, depth: number): Promise<void> => {
    if (depth > MAX_DEPTH)
      throw new Fault('invalid_signature', [`${join(root, folder)} is more than ${MAX_DEPTH} folders deep`]);
    for (const name of await readdir(join(root, folder))) {
      const path = folder === '' ? name : `${folder}/${name}`;
      if (ignored.has(path)) continue;
      const own = await lstat(join(root, path));
      if (own.isSymbolicLink() && !scope.followsLinks)
        throw new Fault('invalid_signature', [
          `"${path}" is a link, which a signature covers only where it says so: put the file itself there`,
        ]);
      const found = own.isSymbolicLink() ? await stat(join(root, path)) : own;
      if (found.isDirectory()) await walk(path, depth + 1);
      else if (found.isFile()) files.push(path);
      else throw new Fault('invalid_signature', [`"${path}" is neither a file nor a folder`]);
    }
  };
  await walk('', 0);
  return files;
}

/**
 * Digests of a model's files in hex, by the names that a statement has for them.
 * @param shardBytes bytes hashed together; undefined for whole files
 */
export async function digestsOf(
  root: string,
  files: readonly string[],
  { hashType, shardBytes }: Pick<SignedFiles, 'hashType' | 'shardBytes'>,
): Promise<Map<string, string>> {
  const isFile = (await stat(root)).isFile();
  const digests = new Map<string, string>();
  for (const path of files) {
    const file = isFile ? root : join(root, path);
    if (shardBytes === undefined) digests.set(path, await digestOf(file, hashType));
    else
      for (const [range, digest] of await shardDigests(file, hashType, shardBytes))
        digests.set(`${path}:${range}`, digest);
  }
  return digests;
}

function newHash(type: HashType): Hash {
  return createHash(type === 'blake2b' ? 'blake2b512' : type);
}

async function digestOf(file: string, type: HashType): Promise<string> {
  const hash = newHash(type);
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 18 })) hash.update(chunk);
  return hash.digest('hex');
}

async function shardDigests(file: string, type: HashType, shardBytes: number): Promise<[string, string][]> {
  const { size } = await stat(file);
  const digests: [string, string][] = [];
  for (let start = 0; start < size; start += shardBytes) {
    const end = Math.min(size, start + shardBytes);
    const hash = newHash(type);
    for await (const chunk of createReadStream(file, { start, end: end - 1 })) hash.update(chunk);
    digests.push([`${start}:${end}`, hash.digest('hex')]);
  }
  return digests;
}
