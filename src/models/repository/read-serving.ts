import { z } from 'zod';
import { Fault } from '../../errors.js';
import { schemaProblems } from '../../schema-faults.js';
import { trafficProblems } from '../../traffic/traffic.js';
import { isUnanswered } from '../catalogue.js';
import { readJsonFile } from './read-version.js';
import {
  type FaultyEntry,
  type ModelServing,
  type ReadServing,
  type Serving,
  ServingFileSchema,
  ServingSchema,
} from './serving.js';

const EntrySchema = z.object({ models: ServingSchema.shape.models });

/**
 * Reads `serving.json`.
 * @throws Fault `invalid_model` when it is missing, not JSON, or wrong outside of any model's entry
 */
export async function readServing(file: string): Promise<ReadServing> {
  const { models: entries, ...rest } = await readJsonFile(file, ServingFileSchema, 'serving.json');
  const models: Serving['models'] = {};
  const faulty = new Map<string, FaultyEntry>();
  for (const [name, entry] of Object.entries(entries)) {
    const content = { models: { [name]: entry } };
    const parsed = EntrySchema.safeParse(content);
    if (parsed.success) Object.assign(models, parsed.data.models);
    else {
      const reason = `serving.json: ${schemaProblems(content, parsed.error.issues).join('; ')}`;
      faulty.set(name, { reason, entry });
    }
  }
  return { serving: { ...rest, models }, faulty };
}

/**
 * Checks the entries of `serving.json` against the versions that there are.
 * @param numbersOf all version numbers of a model, undefined where there is no such model
 * @returns the entries that can be followed, and those that cannot
 */
export function checkServing(
  { serving, faulty: unreadable }: ReadServing,
  numbersOf: (name: string) => readonly string[] | undefined,
): ReadServing {
  const faulty = new Map(unreadable);
  const models: Serving['models'] = {};
  for (const [name, entry] of Object.entries(serving.models)) {
    const problems = servingProblems(name, entry, numbersOf(name));
    if (problems.length === 0) models[name] = entry;
    else faulty.set(name, { reason: `serving.json: ${problems.join('; ')}`, entry });
  }
  return { serving: { ...serving, models }, faulty };
}

/**
 * Keeps, for models whose entry has become faulty, what was followed until then and still can be: a slip in a file
 * that is watched does not take a model down that runs.
 * @param before what is followed now
 */
export function keepLastGood(
  checked: ReadServing,
  before: ReadServing,
  numbersOf: (name: string) => readonly string[] | undefined,
): ReadServing {
  const models = { ...checked.serving.models };
  const faulty = new Map(checked.faulty);
  for (const [name, { reason, entry }] of checked.faulty) {
    const last = before.serving.models[name];
    if (isUnanswered(before, name) || servingProblems(name, last ?? {}, numbersOf(name)).length > 0) continue;
    if (last !== undefined) models[name] = last;
    const kept = `${reason}; what it said of the model before is followed on`;
    faulty.set(name, { reason: kept, entry, isLastGoodKept: true });
  }
  return { serving: { ...checked.serving, models }, faulty };
}

/**
 * One line for each problem of what is said of one model.
 * @param numbers its versions, ascending; undefined where there is no such model
 */
export function servingProblems(
  name: string,
  entry: ModelServing,
  numbers: readonly string[] | undefined,
): string[] {
  if (numbers === undefined) return [`models.${name}: the repository holds no such model`];
  const { default: named = numbers.at(-1) ?? '', split, shadow = [], canary } = entry;
  return trafficProblems(name, { default: named, split, shadow, canary }, numbers);
}

/** @throws Fault `invalid_model` when the default model is none of `names` */
export function assertDefaultModel({ defaultModel }: Serving, names: readonly string[]): void {
  if (names.includes(defaultModel)) return;
  throw new Fault('invalid_model', [
    `serving.json: defaultModel is "${defaultModel}", the repository holds ${names.join(', ')}`,
  ]);
}
