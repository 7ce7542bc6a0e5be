import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { draftManifest } from '../../../src/cli/check/draft-manifest.js';
import { fixVersion } from '../../../src/cli/check/fix-version.js';
import { graphOf } from '../../../src/cli/check/open-graph.js';
import { runRows } from '../../../src/cli/check/run-rows.js';
import { plainInput } from '../../../src/models/manifest/input-tensors.js';
import { node, onnxGraph, valueInfo } from '../../support/graphs.js';
import { temporaryFolder } from '../../support/models.js';
import { WORKER } from '../../support/pool.js';

/** y = x * x in float16. */
async function halfModel(): Promise<string> {
  const modelFile = join(await temporaryFolder(), 'half.onnx');
  const onnx = onnxGraph({
    inputs: [valueInfo('x', [3], 'FLOAT16')],
    outputs: [valueInfo('y', [3], 'FLOAT16')],
    nodes: [node('Mul', ['x', 'x'], ['y'])],
  });
  await writeFile(modelFile, onnx);
  return modelFile;
}

// ONNX Runtime's binding takes float16 on Node 20 and fails on 24 and 26 (findings/onnxruntime-node-float16.sh): so that a
// version does not work on one and break on the other, it is refused on all of them, and the cure holds on all.
describe(`a model of float16, on Node ${process.versions.node}`, () => {
  it('is refused with the cure', async () => {
    const modelFile = await halfModel();
    const graph = await graphOf(modelFile, WORKER);
    const source = { file: 'half.onnx', graph, name: 'x', version: '1', sha256: '', parameters: undefined };
    expect(() => draftManifest(source)).toThrow(
      /input "x" is float16 in the graph: `diegate check --fix` writes a version with casts at its edges, or convert with keep_io_types=True/,
    );
  });

  it('answers once it is repaired', async () => {
    const modelFile = await halfModel();
    const { modelFile: repaired = '', lines } = await fixVersion(
      modelFile,
      { parameters: undefined, labels: undefined, out: undefined },
      WORKER,
    );
    expect(lines.join('\n')).toContain('input "x" is float32, cast to half precision within');
    const rows = Float32Array.of(1, -2, 0.5, 3, 1.5, 100);
    const outputs = [{ name: 'y', size: 3 }];
    const run = { modelFile: repaired, inputs: [plainInput('x', 3)], parameters: 3, outputs, batch: 2, rows };
    // All of them are numbers of float16: of others ONNX Runtime may keep more digits, as it computes in float32 within.
    expect([...(await runRows(run, WORKER))]).toEqual([1, 4, 0.25, 9, 2.25, 10_000]);
  });
});
