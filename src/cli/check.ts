import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { access, readFile, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { Command } from 'commander';
import { z } from 'zod';
import { Fault } from '../errors.js';
import { type BatchFinding, dependenceText, policyText } from '../models/batch-policy.js';
import { graphHints } from '../models/graph/hints.js';
import { type OnnxModelFile, readOnnx, tooLarge } from '../models/graph/onnx-file.js';
import { newerThanRuntime } from '../models/graph/runtime-limits.js';
import { ModelNameSchema, VersionSchema } from '../models/manifest/identity-schema.js';
import type { ModelVersion } from '../models/model-version.js';
import { probeRowsOf, unknownProbeRows } from '../models/probe-rows.js';
import { checkVersion } from './check/check-version.js';
import { draftManifest, type ManifestDraft } from './check/draft-manifest.js';
import { fixVersion, named } from './check/fix-version.js';
import { graphOf, warmUpOf } from './check/open-graph.js';
import { runCostLines, runCosts } from './check/run-costs.js';
import { createOptionReader } from './options.js';
import { type CommandStreams, PROCESS_STREAMS } from './output.js';

const EXAMPLES = `
Examples:
  $ diegate check models/my-model/1
  $ diegate check models/my-model/1 --write
  $ diegate check exported.onnx > manifest.json
  $ diegate check models/my-model/1 --fix        # writes the next version, repaired

With a manifest.json, the folder is checked as the server checks it at load, and every problem is told.
Without one, a manifest is drafted from model.onnx and printed, and what only a person knows is told on
standard error. The draft has null there, so no server loads it before it is filled in.

--fix repairs what keeps a model from being served as it is: outputs that are no tensors (ZipMap), a fixed batch,
weights in other files, half precision at the edges, scores that are low for outliers. It says what it changed, proves by a
run that the rest is equal, and writes the next version (or FILE.fixed.onnx, or --out) with a drafted manifest.

Exit code 0: the version can be served, or the manifest is drafted. 1: not, and why, one line each.`;

interface CheckCommandOptions {
  readonly streams?: CommandStreams;
  /** Compiled module that the worker process runs; another one only in tests. */
  readonly workerEntry?: string;
}

interface CheckArguments {
  readonly write?: boolean;
  readonly force?: boolean;
  readonly parameters?: string;
  readonly labels?: string;
  readonly fix?: boolean;
  readonly out?: string;
}

/** `diegate check`. */
export function checkCommand({ streams = PROCESS_STREAMS, workerEntry }: CheckCommandOptions = {}): Command {
  return new Command('check')
    .description('check a version folder, or draft the manifest of an ONNX model')
    .argument('<path>', 'version folder models/<name>/<version>, or an ONNX file')
    .option('--write', 'write the drafted manifest.json beside the model')
    .option('--force', 'with --write: draft again and replace a manifest.json that is there')
    .option('--parameters <n>', 'number of test parameters, where the graph does not say it')
    .option('--labels <names>', 'names of the labels, separated by commas, where the graph does not say them')
    .option('--fix', 'write a repaired version')
    .option('--out <file>', 'with --fix: where the repaired model is written')
    .addHelpText('after', EXAMPLES)
    .action((path: string, options: CheckArguments) => check(path, options, streams, workerEntry));
}

async function check(
  path: string,
  options: CheckArguments,
  streams: CommandStreams,
  workerEntry: string | undefined,
): Promise<void> {
  const { write = false, force = false, fix = false } = options;
  const asked = askedOf(options);
  const modelFile = await modelFileAt(path);
  if (fix) return tellFixed(modelFile, options, asked, streams, workerEntry);
  const manifestFile = join(dirname(modelFile), 'manifest.json');
  const drafts = basename(modelFile) !== 'model.onnx' || force || !(await exists(manifestFile));
  if (!drafts) return tellChecked(dirname(modelFile), streams, workerEntry);
  if (write && !force && (await exists(manifestFile))) {
    throw new Fault('invalid_usage', [`${manifestFile} exists: expected --force to replace it`]);
  }
  await tellDraft(modelFile, asked, { write, force }, streams, workerEntry);
}

/** What a person says of a graph that does not say it. */
interface Asked {
  readonly parameters: number | undefined;
  readonly labels: readonly string[] | undefined;
}

function askedOf({ write, force, fix, out, parameters, labels }: CheckArguments): Asked {
  const read = createOptionReader();
  const count =
    parameters === undefined ? undefined : read.wholeNumber('--parameters', parameters, 1, 262_144);
  read.finish();
  if (force && !write && !fix)
    throw new Fault('invalid_usage', ['--force: expected only together with --write']);
  if (out !== undefined && !fix)
    throw new Fault('invalid_usage', ['--out: expected only together with --fix']);
  const names = labels?.split(',').map((label) => label.trim());
  if (names?.some((label) => label === '') || names?.length === 1)
    throw new Fault('invalid_usage', ['--labels: expected two names or more, separated by commas']);
  return { parameters: count, labels: names };
}

/** Drafts the manifest of a model file, prints or writes it, and tells what is to be done. */
async function tellDraft(
  modelFile: string,
  asked: Asked,
  { write, force }: { write: boolean; force: boolean },
  streams: CommandStreams,
  workerEntry: string | undefined,
): Promise<void> {
  const manifestFile = join(dirname(modelFile), 'manifest.json');
  const identity = identityOf(modelFile);
  const model = await modelOf(modelFile);
  const draft = draftManifest({
    file: modelFile,
    graph: await graphOf(modelFile, workerEntry),
    hints: graphHints(model),
    ...identity,
    sha256: await sha256Of(modelFile),
    ...asked,
  });
  const files = await externalChecksums(modelFile);
  const text = `${JSON.stringify({ ...draft.manifest, ...files }, undefined, 2)}\n`;
  if (write) await writeManifest(manifestFile, text, force);
  else streams.stdout.write(text);
  const notes = [...identity.notes, ...draft.notes, ...(await trialNotes(modelFile, draft, workerEntry))];
  const heading = write ? `${manifestFile} is drafted.` : 'This manifest is a draft.';
  streams.stderr.write(
    `${heading} Still to be done, or to be looked at:\n${notes.map((note) => `  ${note}\n`).join('')}`,
  );
}

/** Repairs a model, tells what was changed and shown, and drafts the manifest of what it wrote. */
async function tellFixed(
  modelFile: string,
  { out }: CheckArguments,
  asked: Asked,
  streams: CommandStreams,
  workerEntry: string | undefined,
): Promise<void> {
  const { modelFile: written, lines } = await fixVersion(
    modelFile,
    { ...asked, out: out === undefined ? undefined : resolve(out) },
    workerEntry,
  );
  const heading = written === undefined ? modelFile : `${written} is the repaired model`;
  streams.stderr.write(`${heading}:\n${lines.map((line) => `  ${line}\n`).join('')}`);
  if (written === undefined) return;
  if (await carryManifest(modelFile, written)) {
    streams.stderr.write(
      `${join(dirname(written), 'manifest.json')} is that of ${modelFile} with another version and sha256: check it with diegate check ${dirname(written)}\n`,
    );
    return;
  }
  const write =
    basename(written) === 'model.onnx' && !(await exists(join(dirname(written), 'manifest.json')));
  await tellDraft(written, asked, { write, force: false }, streams, workerEntry);
}

/** Writes the manifest of a version for its repaired successor, unless that is no version, or there is none. */
async function carryManifest(from: string, to: string): Promise<boolean> {
  const version = VersionSchema.safeParse(basename(dirname(to)));
  const target = join(dirname(to), 'manifest.json');
  const text = await readFile(join(dirname(from), 'manifest.json'), 'utf8').catch(() => undefined);
  if (!version.success || basename(to) !== 'model.onnx' || text === undefined || (await exists(target)))
    return false;
  const manifest = objectIn(text);
  if (manifest === undefined) return false;
  // Weights that lay in files beside the model are within it now.
  const carried = { ...manifest, files: undefined, version: version.data, sha256: await sha256Of(to) };
  await writeManifest(target, `${JSON.stringify(carried, undefined, 2)}\n`, false);
  return true;
}

function objectIn(text: string): Record<string, unknown> | undefined {
  try {
    return z.record(z.string(), z.unknown()).parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** The model of a file, read as ONNX. @throws Fault `invalid_model` that says what the file is instead */
async function modelOf(modelFile: string): Promise<OnnxModelFile> {
  const { size } = await stat(modelFile);
  const large = tooLarge(size);
  if (large !== undefined) throw new Fault('invalid_model', [`${modelFile} ${large}`]);
  const model = await readFile(modelFile).then((bytes) => named(modelFile, () => readOnnx(bytes)));
  const newer = newerThanRuntime(model);
  if (newer !== undefined) throw new Fault('invalid_model', [`${modelFile} ${newer}`]);
  return model;
}

async function tellChecked(
  folder: string,
  { stdout }: CommandStreams,
  workerEntry: string | undefined,
): Promise<void> {
  const { version, batching } = await checkVersion(folder, workerEntry);
  const { key, contract, manifest } = version;
  stdout.write(
    [
      `${key} can be served: ${manifest.task}, ${contract.parameterCount} parameters, missing values are ${contract.acceptsMissing ? 'imputed' : 'rejected'}`,
      '  the manifest is valid, its checksum is that of model.onnx, and the graph has the inputs and outputs that it names',
      '  its outputs are what its task says, for measurements like those of its dies',
      ...batchingLines(batching),
      ...(await costLines(version, batching, workerEntry)),
      ...(version.golden === undefined
        ? []
        : [`  ${version.golden.rows.length} golden rows are scored as golden.json says`]),
      '',
    ].join('\n'),
  );
}

/** How the dies of a version are run here, and why. */
function batchingLines({ policy, dependence }: BatchFinding): string[] {
  const how = `dies are run ${policyText(policy)}: each has the same outputs to the last bit whatever is beside it`;
  return dependence === undefined ? [`  ${how}`] : [`  ${how}`, `  because ${dependenceText(dependence)}`];
}

/** What the ways of running its dies cost, where there is a choice: only additions are done in another order. */
async function costLines(
  version: ModelVersion,
  { policy, dependence }: BatchFinding,
  workerEntry: string | undefined,
): Promise<string[]> {
  if (policy.kind === 'any' || dependence?.kind !== 'rounding') return [];
  const costs = await runCosts(version, probeRowsOf(version).rows, workerEntry);
  return runCostLines(costs, policy.rows, version.manifest.batching.maxBatchSize).map((line) => `  ${line}`);
}

async function modelFileAt(path: string): Promise<string> {
  const found = await stat(path).catch(() => undefined);
  const file = resolve(found?.isDirectory() ? join(path, 'model.onnx') : path);
  if (found === undefined || !(await exists(file))) {
    throw new Fault('invalid_usage', [
      `${file} is not there, expected a version folder with model.onnx, or an ONNX file`,
    ]);
  }
  return file;
}

/** Name and version by the folders, as the repository has them; else the file's own name, and version 1. */
function identityOf(modelFile: string): { name: string; version: string; notes: string[] } {
  const folder = dirname(modelFile);
  const name = ModelNameSchema.safeParse(basename(dirname(folder)));
  const version = VersionSchema.safeParse(basename(folder));
  const isInPlace = name.success && version.success && basename(modelFile) === 'model.onnx';
  if (isInPlace) return { name: name.data, version: version.data, notes: [] };
  const own = basename(modelFile)
    .replace(/\.onnx$/i, '')
    .replaceAll(/[^A-Za-z0-9._-]/g, '-');
  const chosen = ModelNameSchema.catch('model').parse(own);
  return {
    name: chosen,
    version: '1',
    notes: [
      `name and version: chosen by the file's name; the server expects models/${chosen}/1/model.onnx with manifest.json beside it`,
    ],
  };
}

/** Runs the graph as the draft describes it, and tells what is odd. */
async function trialNotes(
  modelFile: string,
  draft: ManifestDraft,
  workerEntry: string | undefined,
): Promise<string[]> {
  try {
    return await trial(modelFile, draft, workerEntry);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return error.problems.map((problem) => `a trial run failed: ${problem}`);
  }
}

async function trial(
  modelFile: string,
  { input, guess }: ManifestDraft,
  workerEntry: string | undefined,
): Promise<string[]> {
  const { scores, ...batching } = await warmUpOf(
    {
      key: 'draft',
      modelFile,
      inputs: input.tensors,
      parameterCount: input.parameters,
      outputs: [guess.decisive],
      contributionsName: undefined,
      maxBatchSize: 64,
      probes: unknownProbeRows(input.parameters),
    },
    () => {},
    workerEntry,
  );
  return [
    ...(scores.subarray(0, guess.decisive.size).every(Number.isFinite)
      ? []
      : [
          'the output is not finite for a die of all zeros: list the parameters with their `expected` values, which are tried in its place',
        ]),
    ...(batching.dependence === undefined ? [] : batchingLines(batching).map((line) => line.trim())),
  ];
}

async function writeManifest(file: string, text: string, force: boolean): Promise<void> {
  try {
    await writeFile(file, text, { flag: force ? 'w' : 'wx' });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Fault('invalid_data', [`${file} cannot be written: ${reason}`], error);
  }
}

/** The manifest's `files`, where the graph has weights in files beside it. */
async function externalChecksums(modelFile: string): Promise<{ files?: Record<string, string> }> {
  const { externalFiles } = await import('../models/graph/external-data.js');
  const paths = externalFiles(await readFile(modelFile));
  if (paths.length === 0) return {};
  const files: Record<string, string> = {};
  for (const path of paths) files[path] = await sha256Of(join(dirname(modelFile), path));
  return { files };
}

async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
