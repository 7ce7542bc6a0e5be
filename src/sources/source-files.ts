import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { copyFile, mkdir, readFile, stat } from 'node:fs/promises';
import { dirname, join, posix } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Fault } from '../errors.js';
import { externalFiles } from '../models/graph/external-data.js';

/** Most bytes of one model, all files together. */
export const MAX_MODEL_BYTES = 16 * 1024 ** 3;

/**
 * The path of a file within a model, as a source names it.
 * @throws Fault `invalid_source` where it would lie elsewhere
 */
export function innerPath(path: string): string {
  const normal = posix.normalize(path);
  if (path === '' || path.includes('\0') || path.includes('\\') || /^(\/|\.\.?(\/|$))|\/$/.test(normal)) {
    throw new Fault('invalid_source', [
      `the source names a file ${JSON.stringify(path)}, expected a path within the model`,
    ]);
  }
  return normal;
}

/** Copies a model file and the files with its weights, under the name `model.onnx`. */
export async function copyModelFiles(modelFile: string, folder: string): Promise<void> {
  const bytes = await readFile(modelFile).catch((error: unknown) => {
    throw new Fault(
      'invalid_source',
      [`${modelFile} cannot be read: ${error instanceof Error ? error.message : String(error)}`],
      error,
    );
  });
  await copyFile(modelFile, join(folder, 'model.onnx'));
  for (const file of weightFiles(bytes, modelFile)) {
    const [from, to] = [join(dirname(modelFile), file), join(folder, file)];
    if ((await stat(from).catch(() => undefined)) === undefined)
      throw new Fault('invalid_source', [`${from} is missing: ${modelFile} has its weights there`]);
    await mkdir(dirname(to), { recursive: true });
    await copyFile(from, to);
  }
}

/**
 * The files that an ONNX file has its weights in.
 * @throws Fault `invalid_source` for what is no ONNX file
 */
export function weightFiles(bytes: Uint8Array, name: string): string[] {
  try {
    return externalFiles(bytes).map(innerPath);
  } catch (error) {
    if (error instanceof Fault)
      throw new Fault(
        'invalid_source',
        error.problems.map((problem) => `${name} ${problem}`),
        error,
      );
    throw error;
  }
}

/** Writes what arrives to a file, but no more than `bytes` of it. */
export async function writeStream(
  body: AsyncIterable<Uint8Array>,
  file: string,
  bytes: number,
): Promise<number> {
  let written = 0;
  const bounded = async function* (source: AsyncIterable<Uint8Array>) {
    for await (const chunk of source) {
      written += chunk.length;
      if (written > bytes)
        throw new Fault('invalid_source', [
          `${posix.basename(file)} is larger than the ${bytes} bytes that were announced`,
        ]);
      yield chunk;
    }
  };
  await mkdir(dirname(file), { recursive: true });
  await pipeline(Readable.from(body), bounded, createWriteStream(file, { flags: 'wx' }));
  return written;
}

/** SHA-256 of a file, hex. */
export async function sha256OfFile(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file, { highWaterMark: 1 << 18 }), hash);
  return hash.digest('hex');
}
