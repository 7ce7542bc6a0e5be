import type { ClassificationManifest, Manifest, ScreenManifest } from './task-manifests.js';

/** An ONNX output that is fetched with every run, and what it becomes in a die's row. */
export interface FetchedOutput {
  readonly name: string;
  /** Values in a die's row. */
  readonly size: number;
  /** Of an output of labels: what it gives for each of them. The row holds a label's position, NaN for none. */
  readonly labels?: readonly (number | string)[] | undefined;
  /** Of an autoencoder's output: one over the scale of each parameter. The row holds the mean square of its error. */
  readonly reconstructs?: Float32Array | undefined;
}

/** The outputs of every run, in the order of a die's row: first the one that decides, then the extra ones. */
export function fetchedOutputs(manifest: Manifest): FetchedOutput[] {
  return [decidingOutput(manifest), ...(manifest.outputs.extra ?? [])];
}

/** The output by which a die is decided. */
function decidingOutput(manifest: Manifest): FetchedOutput {
  switch (manifest.task) {
    case 'anomaly-screen':
      return screenOutput(manifest);
    case 'classification':
      return classificationOutput(manifest);
    case 'regression':
      return { name: manifest.outputs.value, size: manifest.targets?.length ?? 1 };
  }
}

/** The output of the graph by which a version is explained: its contributions, or residuals. */
export function explainingOutput({ outputs }: Pick<Manifest, 'outputs'>): string | undefined {
  return outputs.contributions ?? ('residuals' in outputs ? outputs.residuals : undefined);
}

/**
 * The name of what a version can be explained by: an output of the graph, or, of an autoencoder, the squares of its error,
 * which no output is.
 */
export function contributionsName(manifest: Pick<Manifest, 'outputs'>): string | undefined {
  const { outputs } = manifest;
  const name = explainingOutput(manifest);
  if (name !== undefined) return name;
  return 'reconstruction' in outputs && outputs.reconstruction !== undefined ? 'contributions' : undefined;
}

/** Values for each die that an output has in the graph. */
export function sizeInGraph({ size, reconstructs }: FetchedOutput): number {
  return reconstructs?.length ?? size;
}

function screenOutput({ outputs, input }: ScreenManifest): FetchedOutput {
  if (outputs.reconstruction !== undefined)
    return { name: outputs.reconstruction, size: 1, reconstructs: inverseScales(input) };
  return outputs.distances ?? { name: outputs.score ?? '', size: 1 };
}

function classificationOutput({ outputs, labels }: ClassificationManifest): FetchedOutput {
  const { probability, label } = outputs;
  if (probability !== undefined) return { name: probability.name, size: 1 };
  if (label === undefined) return { name: outputs.probabilities ?? '', size: labels.length };
  return { name: label.name, size: 1, labels: label.values ?? labels };
}

function inverseScales(input: ScreenManifest['input']): Float32Array {
  if (typeof input.parameters === 'number') return new Float32Array(input.parameters).fill(1);
  return Float32Array.from(input.parameters, ({ robustSigma = 1 }) => 1 / robustSigma);
}
