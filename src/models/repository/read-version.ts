import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { z } from 'zod';
import { Fault } from '../../errors.js';
import { ManifestSchema } from '../manifest/manifest.js';
import { ReferenceSchema } from '../manifest/reference.js';
import { createModelVersion, type ModelVersion } from '../model-version.js';

/**
 * Reads and checks the folder of one version: manifest, reference (optional) and the checksum of the
 * graph. The graph itself is checked against the manifest where it is opened.
 * @throws Fault `invalid_model` with one line for each problem
 */
export async function readVersion(folder: string, name: string, version: string): Promise<ModelVersion> {
  const label = `model ${name}/${version}`;
  const manifest = await readJson(join(folder, 'manifest.json'), ManifestSchema, `${label}: manifest.json`);
  const problems: string[] = [];
  if (manifest.name !== name)
    problems.push(`${label}: manifest.json says name "${manifest.name}", its folder says "${name}"`);
  if (manifest.version !== version) {
    problems.push(`${label}: manifest.json says version "${manifest.version}", its folder says "${version}"`);
  }
  const modelFile = join(folder, 'model.onnx');
  const sha256 = await checksum(modelFile, label);
  if (sha256 !== manifest.sha256) {
    problems.push(`${label}: model.onnx has sha256 ${sha256}, manifest.json says ${manifest.sha256}`);
  }
  if (problems.length > 0) throw new Fault('invalid_model', problems);
  return createModelVersion(
    manifest,
    await readReference(folder, label, manifest.input.parameters),
    modelFile,
  );
}

async function readReference(folder: string, label: string, parameters: number | readonly unknown[]) {
  const reference = await readJson(
    join(folder, 'reference.json'),
    ReferenceSchema.optional(),
    `${label}: reference.json`,
  );
  const expected = typeof parameters === 'number' ? parameters : parameters.length;
  if (reference !== undefined && reference.parameters.length !== expected) {
    throw new Fault('invalid_model', [
      `${label}: reference.json describes ${reference.parameters.length} parameters, manifest.json ${expected}`,
    ]);
  }
  return reference;
}

/**
 * Reads a JSON file by its schema; a file that is not there is read as `undefined`, which the schema
 * may accept.
 * @throws Fault `invalid_model` with one line for each problem
 */
export async function readJson<T extends z.ZodType>(
  file: string,
  schema: T,
  label: string,
): Promise<z.output<T>> {
  let content: unknown;
  try {
    content = JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    if (!isMissing(error)) {
      const reason =
        error instanceof SyntaxError ? `is not JSON: ${error.message}` : `cannot be read: ${reasonOf(error)}`;
      throw new Fault('invalid_model', [`${label} ${reason}`], error);
    }
  }
  const parsed = schema.safeParse(content);
  if (parsed.success) return parsed.data;
  if (content === undefined) throw new Fault('invalid_model', [`${label} is missing (${file})`]);
  const issues = parsed.error.issues.map(
    ({ path, message }) => `${label}: ${path.join('.') || 'the whole'}: ${message}`,
  );
  throw new Fault('invalid_model', issues);
}

async function checksum(file: string, label: string): Promise<string> {
  const hash = createHash('sha256');
  try {
    await pipeline(createReadStream(file), hash);
  } catch (error) {
    throw new Fault('invalid_model', [`${label}: model.onnx cannot be read: ${reasonOf(error)}`], error);
  }
  return hash.digest('hex');
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
