import { Fault } from '../../errors.js';
import { inlineExternalData } from '../../models/graph/external-data.js';
import { type OnnxModelFile, readOnnx, writeOnnx } from '../../models/graph/onnx-file.js';
import { storedActivations } from '../../models/graph/quantize/activation-ranges.js';
import { halveWeights } from '../../models/graph/quantize/float16-weights.js';
import { foldBiases } from '../../models/graph/quantize/fold-bias.js';
import { quantizableNodes } from '../../models/graph/quantize/quantizable.js';
import { quantizeGraph } from '../../models/graph/quantize/quantize-graph.js';
import { fixedBatch } from '../../models/manifest/graph.js';
import { graphOf } from '../check/open-graph.js';
import { calibrateActivations, type RangeSearch, spreadRows } from './calibrate.js';

/** A model that takes less memory and time, and what was changed, in plain sentences. */
export interface SmallerModel {
  readonly bytes: Uint8Array;
  readonly changes: readonly string[];
}

/** A model file, its weights in other files included. */
interface ModelFile {
  readonly bytes: Uint8Array;
  /** The bytes of a file of external data by its location. */
  readonly read: (location: string) => Uint8Array;
}

/** Dies that are run for ranges: more change them little, and take longer. */
const MOST_CALIBRATION_DIES = 1024;
const CALIBRATION_BATCH = 16;

/** The first opset in which weights have a scale for each channel. */
const LEAST_OPSET = 13;

/** Weights as float16, cast back where they are read. @throws Fault `invalid_model` where there are none */
export function withHalfWeights(file: ModelFile): SmallerModel {
  const model = wholeModel(file);
  const halved = halveWeights(model.graph);
  if (halved === 0)
    throw new Fault('invalid_model', ['has no weights of float32 that float16 could hold: nothing to do']);
  return {
    bytes: writeOnnx(model),
    changes: [`${halved} tensors of weights are float16 in the file, and float32 where they are read`],
  };
}

/**
 * Gemm, MatMul and Conv in whole numbers of 8 bits, by the ranges that activations have on dies.
 * @throws Fault `invalid_model` with the end of a sentence that begins with the model's name
 */
export async function withWholeNumbers(
  file: ModelFile,
  { rows, ...search }: Omit<RangeSearch, 'batch'>,
): Promise<SmallerModel> {
  const model = wholeModel(file);
  const opset = opsetOf(model);
  const folded = foldBiases(model.graph);
  const nodes = quantizableNodes(model.graph);
  if (nodes.length === 0)
    throw new Fault('invalid_model', [
      'has no Gemm, MatMul or Conv with constant weights of float32: there is nothing that 8 bits would make faster (trees and linear models of ONNX-ML are none)',
    ]);
  const { version, workerEntry } = search;
  const batch = fixedBatch(await graphOf(version.modelFile, workerEntry)) ?? CALIBRATION_BATCH;
  const taken = spreadRows(rows, version.contract.parameterCount, batch, MOST_CALIBRATION_DIES);
  const activations = storedActivations(nodes);
  const copy = wholeModel(file);
  foldBiases(copy.graph);
  const ranges = await calibrateActivations(copy, activations, opset, { ...search, rows: taken, batch });
  quantizeGraph(model.graph, nodes, ranges);
  const dies = taken.length / version.contract.parameterCount;
  const kinds = [...new Set(nodes.map(({ node }) => node.opType))].join(', ');
  return {
    bytes: writeOnnx(model),
    changes: [
      ...(folded === 0 ? [] : [`${folded} MatMul and Add are one Gemm each`]),
      `${nodes.length} nodes (${kinds}) compute in whole numbers of 8 bits, weights with a scale for each channel`,
      `${activations.length} activations have the ranges of ${dies} dies, ${search.percentile === 100 ? 'from the least to the largest value' : `as ${search.percentile}% of them have`}`,
    ],
  };
}

function wholeModel({ bytes, read }: ModelFile): OnnxModelFile {
  const model = readOnnx(bytes);
  inlineExternalData(model, read);
  return model;
}

function opsetOf({ opsetImport }: OnnxModelFile): number {
  const found = Number(opsetImport.find(({ domain }) => domain === '' || domain === 'ai.onnx')?.version ?? 0);
  if (found >= LEAST_OPSET) return found;
  throw new Fault('invalid_model', [
    `is of opset ${found}, expected ${LEAST_OPSET} or newer, which has scales for each channel: export it again with opset_version=17 (PyTorch), target_opset=17 (skl2onnx, tf2onnx), or convert it with onnx.version_converter`,
  ]);
}
