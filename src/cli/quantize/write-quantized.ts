import { createHash } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { Fault } from '../../errors.js';
import { ModelNameSchema, VersionSchema } from '../../models/manifest/identity-schema.js';
import type { ModelVersion } from '../../models/model-version.js';
import { DIEGATE_VERSION } from '../../version.js';
import { type CheckedVersion, checkVersion } from '../check/check-version.js';
import type { SmallerModel } from './quantize-model.js';

/** Where a version is written: a folder as the repository has them. */
interface Destination {
  readonly folder: string;
  readonly name: string;
  readonly version: string;
}

/** @throws Fault `invalid_usage` where a folder is no version's, or is there already */
export async function destinationAt(out: string): Promise<Destination> {
  const folder = resolve(out);
  const name = ModelNameSchema.safeParse(basename(dirname(folder)));
  const version = VersionSchema.safeParse(basename(folder));
  if (!name.success || !version.success)
    throw new Fault('invalid_usage', [
      `--out: found ${out}, expected models/<name>/<version>, a whole number`,
    ]);
  if ((await stat(folder).catch(() => undefined)) !== undefined)
    throw new Fault('invalid_usage', [
      `--out: ${folder} is there already: a version is immutable, choose another number`,
    ]);
  return { folder, name: name.data, version: version.data };
}

/**
 * Writes a version of a smaller model, with the manifest and the reference of the one that it was made from; whole and
 * checked as a server would, or not at all.
 * @param made how it was made, for the description
 * @throws Fault `invalid_model` with one line for each problem
 */
export async function writeQuantized(
  from: ModelVersion,
  { bytes }: SmallerModel,
  made: string,
  { folder, name, version }: Destination,
  workerEntry: string | undefined,
): Promise<CheckedVersion> {
  await mkdir(dirname(folder), { recursive: true });
  const stage = await mkdtemp(join(dirname(folder), '.quantize-'));
  try {
    const staged = join(stage, name, version);
    await mkdir(staged, { recursive: true });
    await writeFile(join(staged, 'model.onnx'), bytes);
    const { manifest } = from;
    const description = `${manifest.description}${manifest.description === '' ? '' : ' '}(${made} of ${from.key})`;
    const changed = {
      ...manifest,
      name,
      version,
      description: description.slice(-MOST_DESCRIPTION),
      sha256: createHash('sha256').update(bytes).digest('hex'),
      // Weights that lay in files beside the model are within it now.
      files: undefined,
      lineage: { ...manifest.lineage, codeVersion: DIEGATE_VERSION },
      // What was measured was measured on the other one.
      metrics: {},
    };
    await writeFile(join(staged, 'manifest.json'), `${JSON.stringify(changed, undefined, 2)}\n`);
    if (from.reference !== undefined)
      await copyFile(join(dirname(from.modelFile), 'reference.json'), join(staged, 'reference.json'));
    const checked = await checkVersion(staged, workerEntry);
    await rename(staged, folder);
    return checked;
  } finally {
    await rm(stage, { recursive: true, force: true });
  }
}

const MOST_DESCRIPTION = 1000;
