import type { Manifest } from './manifest.js';

/** An ONNX output that is fetched with every run, and how many values it has for a die. */
export interface FetchedOutput {
  readonly name: string;
  readonly size: number;
}

/** The outputs of every run, in the order of a die's row: first the one that decides, then the extra ones. */
export function fetchedOutputs(manifest: Manifest): FetchedOutput[] {
  return [decidingOutput(manifest), ...(manifest.outputs.extra ?? [])];
}

function decidingOutput(manifest: Manifest): FetchedOutput {
  switch (manifest.task) {
    case 'anomaly-screen':
      return { name: manifest.outputs.score, size: 1 };
    case 'classification':
      return { name: manifest.outputs.probabilities, size: manifest.labels.length };
    case 'regression':
      return { name: manifest.outputs.value, size: 1 };
  }
}
