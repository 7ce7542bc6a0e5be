import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { z } from 'zod';
import { Fault } from '../../errors.js';
import { schemaProblems } from '../../schema-faults.js';
import { parameterLimits } from '../decision/limits.js';
import { goldenProblems } from '../golden-rows.js';
import { otherFileKind } from '../graph/file-kind.js';
import { GoldenSchema } from '../manifest/golden.js';
import { ManifestSchema } from '../manifest/manifest.js';
import { parameterCount } from '../manifest/parameter-count.js';
import { type Reference, ReferenceSchema } from '../manifest/reference.js';
import type { Manifest } from '../manifest/task-manifests.js';
import { createModelVersion, type ModelVersion } from '../model-version.js';

/**
 * Reads and checks the folder of one version: manifest, reference and golden rows (both optional) and the checksum of the
 * graph. The graph itself is checked against the manifest where it is opened.
 * @param checks whether the checksum is taken here; a server leaves it to the workers, which check the
 * bytes that they open, so that a version with a damaged graph is still known, and its fallback answers
 * @throws Fault `invalid_model` with one line for each problem
 */
export async function readVersion(
  folder: string,
  name: string,
  version: string,
  checks: { readonly checksum: boolean } = { checksum: true },
): Promise<ModelVersion> {
  const label = `model ${name}/${version}`;
  const modelFile = join(folder, 'model.onnx');
  const problems: string[] = [];
  const read = async <T>(part: Promise<T>): Promise<T | undefined> => {
    try {
      return await part;
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      problems.push(...error.problems);
      return undefined;
    }
  };
  const json = <T extends z.ZodType>(file: string, schema: T) =>
    readJsonFile(join(folder, file), schema, `${label}: ${file}`);
  const manifest = await read(json('manifest.json', ManifestSchema));
  const reference = await read(json('reference.json', ReferenceSchema.optional()));
  const golden = await read(json('golden.json', GoldenSchema.optional()));
  const sha256 = checks.checksum ? await read(checksum(modelFile, label)) : undefined;
  const otherKind = checks.checksum ? await kindInsteadOf(modelFile) : undefined;
  let modelBytes = (await read(sizeOf(modelFile, label))) ?? 0;
  for (const [file, expected] of Object.entries(manifest?.files ?? {})) {
    modelBytes += (await read(sizeOf(join(folder, file), label, file))) ?? 0;
    const found = checks.checksum ? await read(checksum(join(folder, file), label, file)) : undefined;
    if (found !== undefined && found !== expected)
      problems.push(`${label}: ${file} has sha256 ${found}, manifest.json says ${expected}`);
  }
  if (manifest !== undefined) {
    const disagreements = manifestProblems(manifest, { name, version, sha256, otherKind, reference });
    problems.push(...disagreements.map((problem) => `${label}: ${problem}`));
    if (problems.length === 0) {
      const found = createModelVersion(manifest, reference, modelFile, modelBytes, golden);
      if (golden !== undefined)
        problems.push(...goldenProblems(golden, found).map((line) => `${label}: ${line}`));
      if (problems.length === 0) return found;
    }
  }
  throw new Fault('invalid_model', problems);
}

/** What the rest of the version's folder says otherwise than its manifest. */
function manifestProblems(
  manifest: Manifest,
  found: {
    name: string;
    version: string;
    sha256: string | undefined;
    otherKind: string | undefined;
    reference: Reference | undefined;
  },
): string[] {
  const problems: string[] = [];
  for (const key of ['name', 'version'] as const) {
    if (manifest[key] !== found[key])
      problems.push(`manifest.json says ${key} "${manifest[key]}", its folder says "${found[key]}"`);
  }
  if (found.otherKind !== undefined) problems.push(`model.onnx ${found.otherKind}`);
  else if (found.sha256 !== undefined && found.sha256 !== manifest.sha256)
    problems.push(`model.onnx has sha256 ${found.sha256}, manifest.json says ${manifest.sha256}`);
  const described = found.reference?.parameters.length;
  const expected = parameterCount(manifest);
  if (described !== undefined && described !== expected)
    problems.push(`reference.json describes ${described} parameters, manifest.json ${expected}`);
  if (manifest.fallback?.by === 'limits') {
    const { sigmas } = manifest.fallback;
    if (parameterLimits(manifest, found.reference, sigmas) === undefined)
      problems.push(
        'manifest.json: fallback: no parameter has median and robustSigma or limits, and reference.json has no deciles',
      );
  }
  return problems;
}

/** Longest JSON file of the repository, bytes: reading one takes several times as much memory, of a process that serves. */
const MAX_JSON_BYTES = 64 * 1024 * 1024;

/**
 * Reads a JSON file by its schema; a file that is not there is read as `undefined`, which the schema
 * may accept.
 * @throws Fault `invalid_model` with one line for each problem, before it is read where it is longer than
 * {@link MAX_JSON_BYTES}
 */
export async function readJsonFile<T extends z.ZodType>(
  file: string,
  schema: T,
  label: string,
): Promise<z.output<T>> {
  let content: unknown;
  try {
    await assertLength(file, label);
    content = JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    if (error instanceof Fault) throw error;
    if (!isMissing(error)) {
      const reason =
        error instanceof SyntaxError ? `is not JSON: ${reasonOf(error)}` : `cannot be read: ${codeOf(error)}`;
      throw new Fault('invalid_model', [`${label} ${reason}`], error);
    }
  }
  const parsed = schema.safeParse(content);
  if (parsed.success) return parsed.data;
  if (content === undefined) throw new Fault('invalid_model', [`${label} is missing`]);
  const lines = schemaProblems(content, parsed.error.issues);
  throw new Fault(
    'invalid_model',
    lines.map((line) => `${label}: ${line}`),
  );
}

async function assertLength(file: string, label: string): Promise<void> {
  const { size } = await stat(file);
  if (size > MAX_JSON_BYTES)
    throw new Fault('invalid_model', [`${label} has ${size} bytes, expected at most ${MAX_JSON_BYTES}`]);
}

async function sizeOf(file: string, label: string, name = 'model.onnx'): Promise<number> {
  try {
    return (await stat(file)).size;
  } catch (error) {
    throw new Fault('invalid_model', [`${label}: ${name} cannot be read: ${codeOf(error)}`], error);
  }
}

async function checksum(file: string, label: string, name = 'model.onnx'): Promise<string> {
  const hash = createHash('sha256');
  try {
    await pipeline(createReadStream(file), hash);
  } catch (error) {
    throw new Fault('invalid_model', [`${label}: ${name} cannot be read: ${codeOf(error)}`], error);
  }
  return hash.digest('hex');
}

/** Bytes of a file's beginning and of its end that tell what it is. */
const TELLING_BYTES = 65_536;

/** What a file is that people take for an ONNX model; undefined for what may be one, or cannot be read. */
async function kindInsteadOf(file: string): Promise<string | undefined> {
  try {
    const handle = await open(file);
    try {
      const { size } = await handle.stat();
      const telling = new Uint8Array(Math.min(size, 2 * TELLING_BYTES));
      const start = telling.length - Math.min(TELLING_BYTES, telling.length);
      await handle.read(telling, 0, start, 0);
      await handle.read(telling, start, telling.length - start, size - (telling.length - start));
      return otherFileKind(telling);
    } finally {
      await handle.close();
    }
  } catch {
    return undefined;
  }
}

/** Why a file cannot be read, without its path: a version's problems are answered to callers too. */
function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

/** An error in one line: JSON.parse quotes the file, line breaks, escape sequences and all. */
function reasonOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replace(/[\s\p{Cc}]+/gu, ' ');
}
