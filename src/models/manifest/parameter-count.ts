import type { Manifest } from './task-manifests.js';

/** Number of test parameters that a version reads. */
export function parameterCount({ input }: Pick<Manifest, 'input'>): number {
  return typeof input.parameters === 'number' ? input.parameters : input.parameters.length;
}
