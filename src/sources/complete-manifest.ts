import { Fault } from '../errors.js';
import type { SourceFacts } from './model-source.js';

/** A manifest as JSON, before it is checked. */
type ManifestJson = Readonly<Record<string, unknown>>;

/** What nobody may set by a path: who the version is, what its files are, and what every object has. */
const FIXED = ['name', 'version', 'sha256', 'files', '__proto__', 'constructor', 'prototype'];

/**
 * A drafted manifest with everything that the source knows, and then what a person has set: that counts most.
 * @param draft from the graph alone
 * @param asked fields by path that the caller has set, text as on a command line
 * @param importer diegate's version and the time, which stand in the lineage where the source says nothing
 * @throws Fault `invalid_usage` naming a path that cannot be set
 */
export function completeManifest(
  draft: ManifestJson,
  facts: SourceFacts,
  asked: Readonly<Record<string, string>>,
  importer: { readonly version: string; readonly now: Date },
): ManifestJson {
  const set = Object.entries({ ...facts.set, ...asked });
  const task = set.findLast(([path]) => path === 'task')?.[1];
  const input = recordOf(draft.input);
  const names = facts.parameters;
  const isNamed = names !== undefined && names.length === input.parameters;
  const known: ManifestJson = {
    ...(task === undefined || task === draft.task ? draft : withoutTask(draft)),
    ...(facts.description !== undefined && { description: facts.description.slice(0, 1000) }),
    ...(isNamed && { input: { ...input, parameters: names.map((name) => ({ name })) } }),
    ...(facts.metrics !== undefined && { metrics: facts.metrics }),
    lineage: {
      data: facts.data ?? 'not stated by the source',
      ...(facts.rows !== undefined && { rows: facts.rows }),
      codeVersion: facts.madeBy ?? `imported by diegate ${importer.version}`,
      created: facts.created ?? importer.now.toISOString(),
      source: facts.source,
    },
  };
  return set.reduce(
    (manifest, [path, text]) => withValue(manifest, path, path.split('.'), asJsonOrText(text)),
    known,
  );
}

/** What a draft says whatever the task: the rest was guessed for another one. */
function withoutTask({ name, version, description, input, sha256 }: ManifestJson): ManifestJson {
  return { name, version, description, input, sha256 };
}

/** A value as people write it: JSON where it is that, else the text itself. */
function asJsonOrText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function withValue(
  target: ManifestJson,
  whole: string,
  path: readonly string[],
  value: unknown,
): ManifestJson {
  const [key = '', ...rest] = path;
  const isTop = path.length === whole.split('.').length;
  if (key === '' || (FIXED.includes(key) && (isTop || key.length > 9 || key === '__proto__'))) {
    throw new Fault('invalid_usage', [
      `"${whole}" cannot be set, expected the path of a field of the manifest such as threshold or input.missing`,
    ]);
  }
  if (rest.length === 0) return { ...target, [key]: value };
  return { ...target, [key]: withValue(recordOf(target[key]), whole, rest, value) };
}

function recordOf(value: unknown): ManifestJson {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}

/** Paths of fields that are still null: what only a person knows. */
export function openFields(value: unknown, path = ''): string[] {
  if (value === null) return [path];
  if (typeof value !== 'object') return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    openFields(inner, path === '' ? key : `${path}.${key}`),
  );
}
