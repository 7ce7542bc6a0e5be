import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault } from '../errors.js';
import { inlineExternalData } from '../models/graph/external-data.js';
import { readOnnx, writeOnnx } from '../models/graph/onnx-file.js';
import { weightFiles } from './source-files.js';

/**
 * Puts the weights that lie in other files into `model.onnx`, so that one hash covers the whole model, and
 * removes those files.
 * @returns how many tensors were put there; 0 where the model was one file already
 * @throws Fault `invalid_source` with one line for each problem
 */
export async function inlineWeights(folder: string): Promise<number> {
  const modelFile = join(folder, 'model.onnx');
  const bytes = await readFile(modelFile);
  const names = weightFiles(bytes, 'model.onnx');
  if (names.length === 0) return 0;
  const files = new Map<string, Uint8Array>();
  for (const name of names) files.set(name, await readFile(join(folder, name)));
  try {
    const model = readOnnx(bytes);
    const inlined = inlineExternalData(model, (location) => files.get(location) ?? new Uint8Array(0));
    await writeFile(modelFile, writeOnnx(model));
    for (const name of names) await rm(join(folder, name));
    return inlined.length;
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    throw new Fault(
      'invalid_source',
      error.problems.map((problem) => `model.onnx ${problem}`),
      error,
    );
  }
}
