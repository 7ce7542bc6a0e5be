import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { access, readFile, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { Command } from 'commander';
import { Fault } from '../errors.js';
import { type BatchFinding, dependenceText, policyText } from '../models/batch-policy.js';
import { plainInput } from '../models/manifest/input-tensors.js';
import { ModelNameSchema, VersionSchema } from '../models/manifest/manifest.js';
import { unknownProbeRows } from '../models/probe-rows.js';
import { checkVersion } from './check/check-version.js';
import { draftManifest, type ManifestDraft } from './check/draft-manifest.js';
import { graphOf, warmUpOf } from './check/open-graph.js';
import { createOptionReader } from './options.js';
import { type CommandStreams, PROCESS_STREAMS } from './output.js';

const EXAMPLES = `
Examples:
  $ diegate check models/my-model/1
  $ diegate check models/my-model/1 --write
  $ diegate check exported.onnx > manifest.json

With a manifest.json, the folder is checked as the server checks it at load, and every problem is told.
Without one, a manifest is drafted from model.onnx and printed, and what only a person knows is told on
standard error. The draft has null there, so no server loads it before it is filled in.

Exit code 0: the version can be served, or the manifest is drafted. 1: not, and why, one line each.`;

export interface CheckCommandOptions {
  readonly streams?: CommandStreams;
  /** Compiled module that the worker process runs; another one only in tests. */
  readonly workerEntry?: string;
}

interface CheckArguments {
  readonly write?: boolean;
  readonly force?: boolean;
  readonly parameters?: string;
}

/** `diegate check`. */
export function checkCommand({ streams = PROCESS_STREAMS, workerEntry }: CheckCommandOptions = {}): Command {
  return new Command('check')
    .description('check a version folder, or draft the manifest of an ONNX model')
    .argument('<path>', 'version folder models/<name>/<version>, or an ONNX file')
    .option('--write', 'write the drafted manifest.json beside the model')
    .option('--force', 'with --write: draft again and replace a manifest.json that is there')
    .option('--parameters <n>', 'number of test parameters, where the graph does not say it')
    .addHelpText('after', EXAMPLES)
    .action((path: string, options: CheckArguments) => check(path, options, streams, workerEntry));
}

async function check(
  path: string,
  { write = false, force = false, parameters }: CheckArguments,
  streams: CommandStreams,
  workerEntry: string | undefined,
): Promise<void> {
  const read = createOptionReader();
  const asked =
    parameters === undefined ? undefined : read.wholeNumber('--parameters', parameters, 1, 65_536);
  read.finish();
  if (force && !write) throw new Fault('invalid_usage', ['--force: expected only together with --write']);
  const modelFile = await modelFileAt(path);
  const manifestFile = join(dirname(modelFile), 'manifest.json');
  const drafts = basename(modelFile) !== 'model.onnx' || force || !(await exists(manifestFile));
  if (!drafts) return tellChecked(dirname(modelFile), streams, workerEntry);
  if (write && !force && (await exists(manifestFile))) {
    throw new Fault('invalid_usage', [`${manifestFile} exists: expected --force to replace it`]);
  }
  const identity = identityOf(modelFile);
  const draft = draftManifest({
    file: modelFile,
    graph: await graphOf(modelFile, workerEntry),
    ...identity,
    sha256: await sha256Of(modelFile),
    parameters: asked,
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
  { input, guess }: ManifestDraft,
  workerEntry: string | undefined,
): Promise<string[]> {
  const { scores, ...batching } = await warmUpOf(
    {
      key: 'draft',
      modelFile,
      inputs: [plainInput(input.name, input.parameters)],
      parameterCount: input.parameters,
      outputs: [guess.decisive],
      contributionsName: guess.outputs.contributions,
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
