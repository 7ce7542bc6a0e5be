import type { Reference } from '../models/manifest/reference.js';
import type { ModelVersion } from '../models/model-version.js';
import type { CountingSpec } from './drift-counter.js';
import { EquipmentGroups } from './equipment-groups.js';
import { referenceBins } from './reference-bins.js';

/** What a worker counts a version by. */
export function countingSpecOf({
  reference,
  contract,
}: Pick<ModelVersion, 'contract'> & { readonly reference: Reference }): CountingSpec {
  const { parameters, means, scales, score } = referenceBins(reference);
  return {
    parameters: contract.parameterCount,
    edges: parameters.edges,
    means,
    scales,
    scoreEdges: score.edges,
    groups: new EquipmentGroups(contract.parameterCount).groups,
  };
}
