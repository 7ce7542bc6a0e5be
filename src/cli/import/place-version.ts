import { mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { Fault } from '../../errors.js';
import {
  LineageSourceSchema,
  ModelNameSchema,
  VersionSchema,
} from '../../models/manifest/identity-schema.js';
import { completeManifest, openFields } from '../../sources/complete-manifest.js';
import { inlineWeights } from '../../sources/inline-weights.js';
import type { FoundModel, SourceFacts } from '../../sources/model-source.js';
import { sha256OfFile } from '../../sources/source-files.js';
import { DIEGATE_VERSION } from '../../version.js';
import { checkVersion } from '../check/check-version.js';
import { draftManifest } from '../check/draft-manifest.js';
import { graphOf } from '../check/open-graph.js';

/** What is asked of an import. */
export interface PlaceOptions {
  /** Folder of the model repository. */
  readonly repository: string;
  /** Name and number here; the source's own where left out. */
  readonly name: string | undefined;
  readonly version: string | undefined;
  /** Fields of the manifest by path. */
  readonly set: Readonly<Record<string, string>>;
  /** Whether a version that cannot be served yet is placed all the same, with null for what is not known. */
  readonly allowsDraft: boolean;
  /** Another worker only in tests. */
  readonly workerEntry: string | undefined;
}

/** What an import did. */
interface PlacedVersion {
  readonly key: string;
  readonly folder: string;
  /** Whether it was there already, from the same source. */
  readonly wasThere: boolean;
  /** In plain sentences: what was guessed, what is still open. */
  readonly notes: readonly string[];
}

/**
 * Brings a model into the repository as a version that can be served, whole or not at all.
 * @throws Fault `invalid_usage`, `invalid_source` or `invalid_model` with one line for each problem
 */
export async function placeVersion(found: FoundModel, options: PlaceOptions): Promise<PlacedVersion> {
  const { name, version } = identityOf(found, options);
  const folder = join(resolve(options.repository), name, version);
  if (await isFrom(folder, found)) return { key: `${name}/${version}`, folder, wasThere: true, notes: [] };
  await mkdir(options.repository, { recursive: true });
  const stage = await mkdtemp(join(resolve(options.repository), '.import-'));
  try {
    const staged = join(stage, name, version);
    await mkdir(staged, { recursive: true });
    const facts = await found.fetchInto(staged);
    if (await isThere(folder)) {
      if (await haveSameManifest(folder, staged))
        return { key: `${name}/${version}`, folder, wasThere: true, notes: [] };
      throw new Fault('invalid_usage', [
        `${folder} is there already, and is another one: a version is immutable, choose another number with --as-version`,
      ]);
    }
    const notes = await describe(staged, { name, version }, facts, options);
    await mkdir(dirname(folder), { recursive: true });
    await rename(staged, folder);
    return { key: `${name}/${version}`, folder, wasThere: false, notes };
  } finally {
    await rm(stage, { recursive: true, force: true });
  }
}

function identityOf(found: FoundModel, asked: PlaceOptions): { name: string; version: string } {
  const own = found.name?.replaceAll(/[^A-Za-z0-9._-]/g, '-');
  const name = ModelNameSchema.safeParse(asked.name ?? own);
  const version = VersionSchema.safeParse(asked.version ?? found.version);
  const problems = [
    ...(name.success
      ? []
      : [`--name: found "${asked.name ?? own ?? ''}", expected 1 to 64 letters, digits, ".", "_" or "-"`]),
    ...(version.success
      ? []
      : [`--as-version: found "${asked.version ?? found.version ?? ''}", expected a positive whole number`]),
  ];
  if (name.success && version.success) return { name: name.data, version: version.data };
  throw new Fault('invalid_usage', problems);
}

const PlacedSchema = z.looseObject({ lineage: z.looseObject({ source: LineageSourceSchema.optional() }) });

/** Whether a version was imported from the very same place before. */
async function isFrom(folder: string, found: FoundModel): Promise<boolean> {
  const read = PlacedSchema.safeParse(await readJsonFile(join(folder, 'manifest.json')));
  if (!read.success || read.data.lineage.source === undefined || found.source.from !== 'mlflow') return false;
  const { loggedModel: _, ...source } = read.data.lineage.source;
  return isDeepStrictEqual(source, found.source);
}

/** Whether two folders hold one version: its manifest states the hash of what matters. */
async function haveSameManifest(one: string, other: string): Promise<boolean> {
  const [a, b] = [
    await readJsonFile(join(one, 'manifest.json')),
    await readJsonFile(join(other, 'manifest.json')),
  ];
  return a !== undefined && isDeepStrictEqual(a, b);
}

/** Gives what was fetched a manifest, unless it has one, and proves that it can be served. */
async function describe(
  staged: string,
  identity: { name: string; version: string },
  facts: SourceFacts,
  { set, allowsDraft, workerEntry }: PlaceOptions,
): Promise<string[]> {
  const file = join(staged, 'manifest.json');
  if (await isThere(file)) {
    if (Object.keys(set).length > 0)
      throw new Fault('invalid_usage', ['--set: the model has a manifest already, which is taken as it is']);
    await checkVersion(staged, workerEntry);
    return [];
  }
  const inlined = await inlineWeights(staged);
  const modelFile = join(staged, 'model.onnx');
  const draft = draftManifest({
    file: 'model.onnx',
    graph: await graphOf(modelFile, workerEntry),
    ...identity,
    sha256: await sha256OfFile(modelFile),
    parameters: facts.parameters?.length,
  });
  const manifest = completeManifest(draft.manifest, facts, set, {
    version: DIEGATE_VERSION,
    now: new Date(),
  });
  await writeFile(file, `${JSON.stringify(manifest, undefined, 2)}\n`);
  const open = openFields(manifest);
  if (open.length === 0) {
    await checkVersion(staged, workerEntry);
    const weights =
      inlined === 0 ? [] : [`model.onnx: ${inlined} tensors that lay in other files were put into it`];
    return [...weights, ...draft.notes.filter((note) => note.startsWith('task:'))];
  }
  const about = open.map((path) => path.split('.')[0] ?? '');
  const missing = [
    `what only a person knows is not said: ${open.join(', ')}; set it with --set ${open[0]}=…, or at MLflow with the tag diegate.${open[0]}`,
    ...draft.notes.filter((note) => ['task', ...about].some((key) => note.startsWith(`${key}:`))),
  ];
  if (!allowsDraft) throw new Fault('invalid_model', missing);
  return missing;
}

async function readJsonFile(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8'));
  } catch {
    return undefined;
  }
}

function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
