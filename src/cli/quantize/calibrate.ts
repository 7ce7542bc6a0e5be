import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type OnnxModelFile, writeOnnx } from '../../models/graph/onnx-file.js';
import { exposeRanges, rangesOf } from '../../models/graph/quantize/activation-ranges.js';
import type { Range } from '../../models/graph/quantize/int8.js';
import { inputTensors } from '../../models/manifest/input-tensors.js';
import type { ModelVersion } from '../../models/model-version.js';
import { runRows } from '../check/run-rows.js';

/** Which dies tell how large activations are, and how much of them counts. */
export interface RangeSearch {
  readonly version: ModelVersion;
  /** float32 [dies, parameters] row-major. */
  readonly rows: Float32Array;
  /** Of the dies whose values are within the ranges, 50 to 100. */
  readonly percentile: number;
  /** Rows in each run. */
  readonly batch: number;
  readonly workerEntry: string | undefined;
}

/**
 * The ranges of activations over dies, found by running them in a worker process.
 * @param model a copy of what is quantised, to which outputs are added
 * @throws Fault `invalid_model` with the reason in one line
 */
export async function calibrateActivations(
  model: OnnxModelFile,
  activations: readonly string[],
  opset: number,
  { version, rows, percentile, batch, workerEntry }: RangeSearch,
): Promise<Map<string, Range>> {
  const outputs = exposeRanges(model.graph, activations, opset);
  const folder = await mkdtemp(join(tmpdir(), 'diegate-quantize-'));
  try {
    const modelFile = join(folder, 'model.onnx');
    await writeFile(modelFile, writeOnnx(model));
    const { parameterCount: parameters } = version.contract;
    const values = await runRows(
      {
        modelFile,
        inputs: inputTensors(version.manifest),
        parameters,
        outputs: outputs.flatMap(({ minimum, maximum }) => [
          { name: minimum, size: 1 },
          { name: maximum, size: 1 },
        ]),
        batch,
        rows,
      },
      workerEntry,
    );
    const ranges = rangesOf(values, activations.length, percentile);
    return new Map(activations.map((name, i) => [name, ranges[i] ?? { minimum: 0, maximum: 0 }]));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * So many whole batches of dies, spread evenly over all of them; where there are fewer dies than one batch, they repeat.
 * @param rows float32 [dies, width] row-major
 */
export function spreadRows(rows: Float32Array, width: number, batch: number, most: number): Float32Array {
  const dies = rows.length / width;
  const count = Math.max(1, Math.floor(Math.min(dies, most) / batch)) * batch;
  const taken = new Float32Array(count * width);
  for (let i = 0; i < count; i++) {
    const die = count <= dies ? Math.floor((i * dies) / count) : i % dies;
    taken.set(rows.subarray(die * width, (die + 1) * width), i * width);
  }
  return taken;
}
