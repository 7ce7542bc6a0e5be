import { createDieRegister } from '../../src/lots/dies/die-register.js';
import type { Part } from '../../src/stdf/stdf.js';

/** What the register says of the parts of one file. */
export function diesOf(parts: readonly Part[]) {
  const register = createDieRegister();
  for (const part of parts) register.add(part);
  return register.finish();
}

/** One part for each die: its first touchdown, or its last. */
export function oneForEachDie(parts: readonly Part[], which: 'first' | 'last'): readonly Part[] {
  const { replaces, replacedBy } = diesOf(parts);
  const other = which === 'last' ? replacedBy : replaces;
  return parts.filter((_, entry) => (other[entry] ?? -1) < 0);
}
