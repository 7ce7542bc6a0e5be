import { access, chmod, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Fault } from '../../errors.js';
import { ModelNameSchema, VersionSchema } from '../../models/manifest/identity-schema.js';

/** The model name and version that a folder `.../<name>/<version>` stands for. Refuses other forms. */
export function identifyFolder(folder: string): { name: string; version: string } {
  const name = ModelNameSchema.safeParse(basename(dirname(folder)));
  const version = VersionSchema.safeParse(basename(folder));
  if (!name.success || !version.success) {
    throw new Fault('invalid_usage', [
      `--out: found "${folder}", expected a folder models/<name>/<version>, the version a positive whole number`,
    ]);
  }
  return { name: name.data, version: version.data };
}

/** Refuses a version folder that exists: a version is immutable, unless the user insists. */
export async function refuseExisting(folder: string, force: boolean): Promise<void> {
  if (!force && (await exists(folder))) {
    throw new Fault('invalid_usage', [
      `${folder} exists; a version is immutable: choose another, or --force`,
    ]);
  }
}

/**
 * Writes a version's files, whole or not at all: into a hidden folder beside it, where `check` may
 * still refuse them, then renamed into place. An existing version is replaced.
 */
export async function writeVersion(
  folder: string,
  files: Readonly<Record<string, string | Uint8Array>>,
  check: (folder: string) => Promise<void>,
): Promise<void> {
  const partial = await partialFolder(folder);
  try {
    for (const [name, content] of Object.entries(files)) await writeFile(join(partial, name), content);
    await check(partial);
    await putInPlace(partial, folder);
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}

async function partialFolder(folder: string): Promise<string> {
  try {
    await mkdir(dirname(folder), { recursive: true });
    return await mkdtemp(join(dirname(folder), `.${basename(folder)}-partial-`));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Fault('invalid_usage', [`--out: ${folder} cannot be written: ${reason}`], error);
  }
}

async function putInPlace(partial: string, folder: string): Promise<void> {
  // mkdtemp's folders are private; a version is to be read by the server's user.
  await chmod(partial, 0o755);
  if (!(await exists(folder))) {
    await rename(partial, folder);
    return;
  }
  const replaced = `${partial}-replaced`;
  await rename(folder, replaced);
  await rename(partial, folder);
  await rm(replaced, { recursive: true, force: true });
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    return false;
  }
}
