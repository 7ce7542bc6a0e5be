import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Fault } from '../../errors.js';
import { ModelNameSchema, VersionSchema } from '../manifest/manifest.js';
import type { ModelVersion } from '../model-version.js';
import { readJson, readVersion } from './read-version.js';
import { type Serving, ServingSchema } from './serving.js';

/** A model repository as its files say. */
export interface Repository {
  /** Absolute path of the folder. */
  readonly folder: string;
  readonly serving: Serving;
  /** All versions of all models, by name and then by number, ascending. */
  readonly versions: readonly ModelVersion[];
}

/**
 * Reads every model version under `folder` and `serving.json`.
 * @throws Fault `invalid_model` with one line for each problem of any of them
 */
export async function readRepository(folder: string): Promise<Repository> {
  const root = resolve(folder);
  const { found, problems } = await listVersions(root);
  const results = await Promise.allSettled(
    found.map(({ name, version }) => readVersion(join(root, name, version), name, version)),
  );
  const serving = await readJson(join(root, 'serving.json'), ServingSchema, 'serving.json').catch(faultOf);
  const versions = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  for (const result of results) {
    if (result.status === 'rejected') problems.push(...faultOf(result.reason).problems);
  }
  if (serving instanceof Fault) throw new Fault('invalid_model', [...problems, ...serving.problems]);
  if (found.length > 0) problems.push(...servingProblems(serving, found));
  if (problems.length > 0) throw new Fault('invalid_model', problems);
  return { folder: root, serving, versions };
}

interface VersionFolder {
  readonly name: string;
  readonly version: string;
}

/** The version folders of all models, and one line for each model that has none. */
async function listVersions(root: string): Promise<{ found: VersionFolder[]; problems: string[] }> {
  const found: VersionFolder[] = [];
  const problems: string[] = [];
  for (const name of await subfolders(root)) {
    if (!ModelNameSchema.safeParse(name).success) continue;
    const folders = await subfolders(join(root, name));
    const versions = folders.filter((folder) => VersionSchema.safeParse(folder).success);
    if (versions.length === 0) {
      const held = folders.length === 0 ? 'no folder' : folders.map((folder) => `"${folder}"`).join(', ');
      problems.push(
        `model ${name}: expected a version folder such as ${join(root, name, '1')}, found ${held}`,
      );
    }
    versions.sort((a, b) => Number(a) - Number(b));
    found.push(...versions.map((version) => ({ name, version })));
  }
  if (found.length === 0 && problems.length === 0)
    problems.push(`the model repository ${root} holds no model (expected <model>/<version>/)`);
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

function servingProblems(serving: Serving, found: readonly VersionFolder[]): string[] {
  const names = [...new Set(found.map(({ name }) => name))];
  const problems: string[] = [];
  if (!names.includes(serving.defaultModel)) {
    problems.push(
      `serving.json: defaultModel is "${serving.defaultModel}", the repository holds ${names.join(', ')}`,
    );
  }
  for (const [name, entry] of Object.entries(serving.models)) {
    const versions = found.filter((v) => v.name === name).map(({ version }) => version);
    if (!versions.includes(entry.default)) {
      const held = versions.length === 0 ? 'no such model' : `versions ${versions.join(', ')}`;
      problems.push(
        `serving.json: models.${name}.default is "${entry.default}", the repository holds ${held}`,
      );
    }
  }
  return problems;
}

function faultOf(error: unknown): Fault {
  if (error instanceof Fault) return error;
  throw error;
}
