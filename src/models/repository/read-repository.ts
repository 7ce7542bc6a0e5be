import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Fault } from '../../errors.js';
import { ModelNameSchema, VersionSchema } from '../manifest/identity-schema.js';
import type { ModelVersion } from '../model-version.js';
import { readVersion } from './read-version.js';

/** A model repository as its files say; what is wrong with one version is that version's alone. */
export interface Repository {
  /** Absolute path of the folder. */
  readonly folder: string;
  /** All versions of all models, by name and then by number, ascending. */
  readonly versions: readonly FoundVersion[];
  /** One line for each folder that should hold a model and does not. */
  readonly problems: readonly string[];
}

/** A version's folder, and what was read in it. */
export interface FoundVersion {
  readonly name: string;
  readonly number: string;
  /** The version, or one line for each problem that keeps it from being one. */
  readonly read: ModelVersion | readonly string[];
}

/**
 * Reads every model version under `folder`.
 * @param known versions that have been read before: a version is immutable and is not read again
 * @throws Fault `invalid_model` when the folder cannot be read or holds no version at all
 */
export async function readRepository(
  folder: string,
  known: ReadonlyMap<string, ModelVersion> = new Map(),
): Promise<Repository> {
  const root = resolve(folder);
  const { found, problems } = await listVersions(root);
  if (found.length === 0) {
    const nothing = `the model repository ${root} holds no model (expected <model>/<version>/)`;
    throw new Fault('invalid_model', problems.length > 0 ? problems : [nothing]);
  }
  const versions: FoundVersion[] = [];
  for (const { name, number } of found) {
    const read = known.get(`${name}/${number}`) ?? (await readFound(join(root, name, number), name, number));
    versions.push({ name, number, read });
  }
  return { folder: root, versions, problems };
}

async function readFound(folder: string, name: string, number: string): Promise<FoundVersion['read']> {
  try {
    return await readVersion(folder, name, number, { checksum: false });
  } catch (error) {
    if (error instanceof Fault) return error.problems;
    throw error;
  }
}

interface VersionFolder {
  readonly name: string;
  readonly number: string;
}

/** The version folders of all models, and one line for each model that has none. */
async function listVersions(root: string): Promise<{ found: VersionFolder[]; problems: string[] }> {
  const found: VersionFolder[] = [];
  const problems: string[] = [];
  for (const name of await subfolders(root)) {
    if (!ModelNameSchema.safeParse(name).success) continue;
    const folders = await subfolders(join(root, name)).catch(() => []);
    const numbers = folders.filter((folder) => VersionSchema.safeParse(folder).success);
    if (numbers.length === 0) {
      const held = folders.length === 0 ? 'no folder' : folders.map((folder) => `"${folder}"`).join(', ');
      problems.push(`model ${name}: expected a version folder such as ${name}/1, found ${held}`);
    }
    numbers.sort((a, b) => Number(a) - Number(b));
    found.push(...numbers.map((number) => ({ name, number })));
  }
  return { found, problems };
}

/** Names of the folders in a folder, sorted; links to folders count (Kubernetes mounts volumes so). */
async function subfolders(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries
      .filter((entry) => !entry.name.startsWith('.') && (entry.isDirectory() || entry.isSymbolicLink()))
      .map(({ name }) => name)
      .sort();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Fault(
      'invalid_model',
      [`the model repository ${folder} (MODEL_REPOSITORY) cannot be read: ${reason}`],
      error,
    );
  }
}
