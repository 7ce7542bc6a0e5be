import { createDecide } from '../models/decision/decide.js';
import type { Manifest } from '../models/manifest/manifest.js';
import type { DecideOutputs } from './drift-counter.js';

/** Decides dies by their outputs as the server does, in the worker: what is counted is what is answered. */
export function decideOutputs(manifest: Manifest): DecideOutputs {
  const decide = createDecide(manifest);
  return (rows, at) => {
    const anomalyScore = rows[at] ?? Number.NaN;
    const decided = decide(anomalyScore);
    return decided && { ...decided, anomalyScore };
  };
}
