import { setTimeout as wait } from 'node:timers/promises';
import { Command } from 'commander';
import { Fault } from '../errors.js';
import { createMlflowClient } from '../sources/mlflow/mlflow-client.js';
import { findMlflowFolder, isMlflowFolder } from '../sources/mlflow/mlflow-folder.js';
import { findRegistered, type Wanted } from '../sources/mlflow/mlflow-server.js';
import type { FoundModel } from '../sources/model-source.js';
import { findInLayout, isLayout } from '../sources/oci/read-layout.js';
import { findPlainFiles } from '../sources/plain-files.js';
import { announceVersion, POLICIES, type Policy } from './import/announce.js';
import { type PlaceOptions, placeVersion } from './import/place-version.js';
import { createOptionReader } from './options.js';
import { type CommandStreams, PROCESS_STREAMS } from './output.js';

const EXAMPLES = `
Examples:
  $ diegate import ./mlflow-model --name my-screen --as-version 3
  $ diegate import ./layout                                  # of diegate pack, oras or skopeo
  $ diegate import exported.onnx --name my-screen --as-version 3 --set threshold=1
  $ diegate import --mlflow http://mlflow:5000 --model my-screen --alias champion
  $ diegate import --mlflow http://mlflow:5000 --model my-screen --alias champion \\
      --follow 60 --url http://localhost:8000 --policy shadow

A model comes in as a version that can be served, or not at all. What the graph and the source do not say
is set with --set, or at MLflow once and for all with tags of the model version: diegate.threshold,
diegate.labels, diegate.passLabels, diegate.input.missing... any field of the manifest by its path.
Values are JSON, or text. An answer of yours counts more than a tag, a tag more than what the graph shows.

--follow looks for a new target of the alias every so many seconds until it is interrupted, imports it and has
the server at --url load it, shadow it or begin a canary with it; the key of that server comes from
DIEGATE_API_KEY. MLflow is asked with MLFLOW_TRACKING_TOKEN, or _USERNAME and _PASSWORD, where they are set.

Exit code 0: the version is there. 1: it is not, and why.`;

interface ImportCommandOptions {
  /** MLFLOW_TRACKING_TOKEN, MLFLOW_TRACKING_USERNAME, MLFLOW_TRACKING_PASSWORD and DIEGATE_API_KEY are read. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly streams?: CommandStreams;
  readonly workerEntry?: string;
  /** How often --follow looks; until it is interrupted, except in tests. */
  readonly looks?: number;
}

interface ImportArguments {
  readonly repository: string;
  readonly name?: string;
  readonly asVersion?: string;
  readonly set?: readonly string[];
  readonly draft?: true;
  readonly tag?: string;
  readonly mlflow?: string;
  readonly model?: string;
  readonly alias?: string;
  readonly version?: string;
  readonly follow?: string;
  readonly url?: string;
  readonly policy: string;
}

/** `diegate import`. */
export function importCommand(command: ImportCommandOptions): Command {
  return new Command('import')
    .description('bring a model into the repository: from MLflow, an OCI image layout, or files')
    .argument('[path]', 'MLflow model folder, OCI image layout, ONNX file or version folder')
    .option('--repository <folder>', 'model repository', 'models')
    .option('--name <name>', 'name of the model here')
    .option('--as-version <number>', 'number of the version here')
    .option('--set <field=value...>', 'fields of the manifest')
    .option('--draft', 'place it also where it cannot be served yet, with null for what is not known')
    .option('--tag <name>', 'OCI: which model of the layout')
    .option('--mlflow <url>', 'MLflow server')
    .option('--model <name>', 'MLflow: name of the registered model')
    .option('--alias <alias>', 'MLflow: the version that has this alias, such as champion')
    .option('--version <number>', 'MLflow: the version with this number')
    .option('--follow <seconds>', 'MLflow: look for a new target of the alias this often')
    .option('--url <url>', 'with --follow: diegate server that is told of new versions')
    .option('--policy <policy>', `with --url: ${POLICIES.join(', ')}`, 'load')
    .addHelpText('after', EXAMPLES)
    .action((path: string | undefined, options: ImportArguments) => runImport(path, options, command));
}

async function runImport(
  path: string | undefined,
  options: ImportArguments,
  command: ImportCommandOptions,
): Promise<void> {
  const { streams = PROCESS_STREAMS, environment } = command;
  const read = createOptionReader();
  const seconds =
    options.follow === undefined ? undefined : read.wholeNumber('--follow', options.follow, 1, 86_400);
  read.finish();
  const find = finderOf(path, options, environment);
  const place = placeOptionsOf(options, command.workerEntry);
  const announce = announcementOf(options, environment);
  if (seconds === undefined) {
    tell(await placeVersion(await find(), place), streams);
    return;
  }
  let isTold = true;
  for (let look = 0; look < (command.looks ?? Number.POSITIVE_INFINITY); look++) {
    if (look > 0) await wait(seconds * 1000);
    try {
      const placed = await placeVersion(await find(), place);
      if (!placed.wasThere) tell(placed, streams);
      isTold &&= placed.wasThere;
      if (!isTold && announce !== undefined) {
        await announceVersion(placed.key, announce);
        streams.stdout.write(`${placed.key}: ${announce.policy} at ${announce.url.origin}\n`);
      }
      isTold = true;
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      // The next look tries again: a server that is restarted, an alias that is set in a moment.
      for (const problem of error.problems) streams.stderr.write(`${new Date().toISOString()} ${problem}\n`);
    }
  }
}

function tell(
  { key, folder, wasThere, notes }: Awaited<ReturnType<typeof placeVersion>>,
  { stdout, stderr }: CommandStreams,
): void {
  stdout.write(wasThere ? `${key} is there already: ${folder}\n` : `${key} is imported: ${folder}\n`);
  for (const note of notes) stderr.write(`  ${note}\n`);
}

/** How the model is found, by what was asked. */
function finderOf(
  path: string | undefined,
  options: ImportArguments,
  environment: ImportCommandOptions['environment'],
): () => Promise<FoundModel> {
  const { mlflow, model, alias, version, tag } = options;
  const wrong = usageProblem(path, options);
  if (wrong !== undefined) throw new Fault('invalid_usage', [wrong]);
  if (path !== undefined) {
    return async () => {
      if (await isLayout(path)) return findInLayout(path, tag);
      return (await isMlflowFolder(path)) ? findMlflowFolder(path) : findPlainFiles(path);
    };
  }
  const wanted: Wanted = alias === undefined ? { version: version ?? '' } : { alias };
  const url = urlOf('--mlflow', mlflow ?? '');
  const client = createMlflowClient({ url, authorization: authorizationOf(environment), timeoutMs: 30_000 });
  return () =>
    findRegistered(client, `${url.origin}${url.pathname.replace(/\/+$/, '')}`, model ?? '', wanted);
}

function usageProblem(
  path: string | undefined,
  { mlflow, model, alias, version, follow, url }: ImportArguments,
): string | undefined {
  if ((path === undefined) === (mlflow === undefined)) return 'expected either a path or --mlflow <url>';
  if (mlflow === undefined && (model ?? alias ?? version ?? follow) !== undefined)
    return '--model, --alias, --version and --follow: expected only with --mlflow';
  if (mlflow !== undefined && model === undefined)
    return '--model: expected with --mlflow, the name of the registered model';
  if (mlflow !== undefined && (alias === undefined) === (version === undefined))
    return 'expected either --alias or --version with --mlflow';
  if (follow !== undefined && alias === undefined) return '--follow: expected only with --alias';
  if (url !== undefined && follow === undefined) return '--url: expected only with --follow';
  return undefined;
}

function placeOptionsOf(
  { repository, name, asVersion, set = [], draft }: ImportArguments,
  workerEntry: string | undefined,
): PlaceOptions {
  const pairs = set.map((text): [string, string] => {
    const at = text.indexOf('=');
    if (at < 1) throw new Fault('invalid_usage', [`--set: found "${text}", expected field=value`]);
    return [text.slice(0, at), text.slice(at + 1)];
  });
  return {
    repository,
    name,
    version: asVersion,
    set: Object.fromEntries(pairs),
    allowsDraft: draft === true,
    workerEntry,
  };
}

function announcementOf(
  { url, policy }: ImportArguments,
  environment: ImportCommandOptions['environment'],
): Parameters<typeof announceVersion>[1] | undefined {
  const known: Policy | undefined = POLICIES.find((name) => name === policy);
  if (known === undefined)
    throw new Fault('invalid_usage', [`--policy: found "${policy}", expected ${POLICIES.join(', ')}`]);
  return url === undefined
    ? undefined
    : { url: urlOf('--url', url), apiKey: environment.DIEGATE_API_KEY, policy: known };
}

function urlOf(option: string, text: string): URL {
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return new URL(text);
  throw new Fault('invalid_usage', [`${option}: found "${text}", expected an http or https URL`]);
}

function authorizationOf({
  MLFLOW_TRACKING_TOKEN: token,
  MLFLOW_TRACKING_USERNAME: user,
  MLFLOW_TRACKING_PASSWORD: password,
}: ImportCommandOptions['environment']): string | undefined {
  if (token) return `Bearer ${token}`;
  return user ? `Basic ${Buffer.from(`${user}:${password ?? ''}`).toString('base64')}` : undefined;
}
