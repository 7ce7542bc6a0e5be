import { type Die, type NamedModel, NamedModelSchema } from '../../die/die.js';
import type { InputFault } from '../../errors.js';
import { describeInput } from '../../schema-faults.js';
import { faultPath } from './refusals.js';

/** Who is to answer a die, as it says itself; undefined where it says nothing of it. */
export function namedBy({ model_name, model_version }: Pick<Die, 'model_name' | 'model_version'>) {
  if (model_name == null && model_version == null) return undefined;
  return { model: model_name ?? undefined, version: model_version ?? undefined };
}

export function isSameNamed(a: NamedModel | undefined, b: NamedModel | undefined): boolean {
  return a === b || (a?.model === b?.model && a?.version === b?.version);
}

/** The first die of a batch that names another model than the one before all; undefined where none does. */
export function differentlyNamed(dies: readonly Die[]): InputFault | undefined {
  const [first] = dies;
  if (first === undefined) return undefined;
  const index = dies.findIndex((die) => !isSameNamed(namedBy(die), namedBy(first)));
  const other = dies[index];
  if (other === undefined) return undefined;
  const key =
    (other.model_name ?? undefined) === (first.model_name ?? undefined) ? 'model_version' : 'model_name';
  const expected = `expected ${describeInput(first[key] ?? undefined)} as of the first die, for one call has one model and version`;
  return {
    path: faultPath([index, key]),
    message: `${expected}; found ${describeInput(other[key] ?? undefined)}`,
  };
}

/** Who is to answer a JSON value that may be a die, or the first die of a batch, valid or not. */
export function namedInValue(value: unknown): NamedModel | undefined {
  const parsed = NamedModelSchema.safeParse(Array.isArray(value) ? value[0] : value);
  return parsed.success ? namedBy(parsed.data) : undefined;
}
