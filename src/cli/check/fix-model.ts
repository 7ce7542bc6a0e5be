import { castEdges, negateOutput, openBatch, removeZipMaps } from '../../models/graph/cures.js';
import { externalFiles, inlineExternalData } from '../../models/graph/external-data.js';
import { graphHints } from '../../models/graph/hints.js';
import { type OnnxModelFile, readOnnx, writeOnnx } from '../../models/graph/onnx-file.js';
import { graphInputs, graphOutputs } from '../../models/graph/value-types.js';
import type { GraphInfo, TensorInfo } from '../../models/manifest/graph.js';
import { draftManifest } from './draft-manifest.js';

/** An output of the repaired model, and what it was before. */
export interface KeptOutput {
  readonly before: string;
  readonly after: string;
  /** -1 for one that was negated. */
  readonly sign: 1 | -1;
}

/** A model that was repaired. */
export interface FixedModel {
  readonly bytes: Uint8Array;
  /** A sentence for each change; empty where there was nothing to repair. */
  readonly changes: readonly string[];
  readonly renamed: readonly KeptOutput[];
}

/** What is known beside the model. */
interface FixOptions {
  /** The bytes of a file of external data by its location. */
  readonly read: (location: string) => Uint8Array;
  /** Whether a fixed batch is opened: not where a run has shown that the graph takes no other. */
  readonly opensBatch: boolean;
  readonly parameters: number | undefined;
  readonly labels: readonly string[] | undefined;
}

/**
 * Repairs what keeps a model from being served as it is: weights in other files, half precision at its edges, outputs
 * that are no tensors, a fixed batch, and scores that are low for outliers.
 * @throws Fault `invalid_model` where the bytes are no model
 */
export function fixModel(bytes: Uint8Array, options: FixOptions): FixedModel {
  const model = readOnnx(bytes);
  const files = externalFiles(bytes);
  const inlined = files.length === 0 ? [] : inlineExternalData(model, options.read);
  const changes = [
    ...(inlined.length === 0
      ? []
      : [`${inlined.length} tensors are within the file and no longer in ${files.join(', ')}`]),
    ...castEdges(model),
    ...removeZipMaps(model),
    ...(options.opensBatch ? openBatch(model) : []),
  ];
  const score = lowScore(model, options);
  if (score === undefined) return { bytes: writeOnnx(model), changes, renamed: [] };
  const negated = negateOutput(model, score, 'anomaly_score');
  return {
    bytes: writeOnnx(model),
    changes: [...changes, ...negated],
    renamed: negated.length === 0 ? [] : [{ before: score, after: 'anomaly_score', sign: -1 }],
  };
}

/** The graph of a model as its own file tells it. */
export function graphOfModel({ graph }: OnnxModelFile): GraphInfo {
  const info = (values: ReturnType<typeof graphInputs>): TensorInfo[] =>
    values.map(({ name, type }) =>
      type.kind === 'tensor'
        ? { name, type: type.element, shape: type.shape ?? [] }
        : { name, type: 'other', shape: [] },
    );
  return { inputs: info(graphInputs(graph)), outputs: info(graphOutputs(graph)) };
}

/** The score that a draft of the model would take as low for outliers. */
function lowScore(model: OnnxModelFile, { parameters, labels }: FixOptions): string | undefined {
  try {
    const { guess } = draftManifest({
      file: '',
      graph: graphOfModel(model),
      hints: graphHints(model),
      name: 'model',
      version: '1',
      sha256: '',
      parameters,
      labels,
    });
    return guess.outputs.direction === 'low' ? guess.decisive.name : undefined;
  } catch {
    // What cannot be drafted has no score; why, the draft of the repaired model says.
    return undefined;
  }
}
