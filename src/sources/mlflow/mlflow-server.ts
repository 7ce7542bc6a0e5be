import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { Fault } from '../../errors.js';
import type { FoundModel, SourceFacts } from '../model-source.js';
import { innerPath, MAX_MODEL_BYTES, weightFiles, writeStream } from '../source-files.js';
import { fieldsAmong, readMlModel } from './ml-model.js';
import type { MlflowClient, MlflowRun, RegisteredVersion } from './mlflow-client.js';
import { factsOf, idsOf } from './mlflow-folder.js';

/** Which version of a registered model is wanted. */
export type Wanted = { readonly alias: string } | { readonly version: string };

/**
 * A version of a registered model.
 * @param location the server's address, for the lineage
 * @throws Fault `invalid_source` where there is none, it is not ready, or its files are kept elsewhere
 */
export async function findRegistered(
  client: MlflowClient,
  location: string,
  name: string,
  wanted: Wanted,
): Promise<FoundModel> {
  const registered = await ('alias' in wanted
    ? client.byAlias(name, wanted.alias)
    : client.byNumber(name, wanted.version));
  if (registered.status !== 'READY') {
    throw new Fault('invalid_source', [
      `version ${registered.version} of ${name} is ${registered.status} at MLflow, expected READY${registered.status_message ? `: ${registered.status_message}` : ''}`,
    ]);
  }
  const { version } = registered;
  const source = {
    from: 'mlflow',
    location,
    model: name,
    version,
    ...(registered.run_id ? { run: registered.run_id } : {}),
  } as const;
  return {
    name,
    version,
    source,
    fetchInto: (folder) => fetchRegistered(client, registered, source, folder),
  };
}

async function fetchRegistered(
  client: MlflowClient,
  registered: RegisteredVersion,
  source: FoundModel['source'],
  folder: string,
): Promise<SourceFacts> {
  // Its source is `models:/…` or `runs:/…`, which is not where the files are.
  const root = artifactPath(await client.downloadUri(registered.name, registered.version), registered);
  const sizes = new Map((await filesBelow(client, root)).map(({ path, size }) => [path, size]));
  const fetch = async (path: string, to: string) => {
    const size = sizes.get(path);
    if (size === undefined)
      throw new Fault('invalid_source', [
        `"${path}" is missing among the files of ${registered.name} ${registered.version} at MLflow: ${[...sizes.keys()].join(', ')}`,
      ]);
    const written = await writeStream(await client.download(`${root}/${path}`), join(folder, to), size);
    if (written !== size)
      throw new Fault('invalid_source', [`"${path}" ended after ${written} of ${size} bytes`]);
  };
  const list = await readText(client, `${root}/MLmodel`);
  const mlModel = readMlModel(list);
  const onnxFile = innerPath(mlModel.onnxFile);
  await fetch(onnxFile, 'model.onnx');
  const beside = onnxFile.includes('/') ? onnxFile.slice(0, onnxFile.lastIndexOf('/') + 1) : '';
  for (const file of weightFiles(await readFile(join(folder, 'model.onnx')), onnxFile))
    await fetch(`${beside}${file}`, file);
  const run = registered.run_id ? await client.run(registered.run_id) : undefined;
  return {
    ...factsOf(mlModel),
    ...(run === undefined ? {} : factsOfRun(run)),
    ...(registered.description ? { description: registered.description } : {}),
    set: { ...fieldsAmong(mlModel.metadata), ...fieldsAmong(registered.tags) },
    source: { ...source, ...idsOf(mlModel) },
  };
}

/** The path in the artifact store of files that the server hands out itself. */
function artifactPath(uri: string, { name, version }: RegisteredVersion): string {
  const [, path] = /^mlflow-artifacts:(?:\/\/[^/]*)?\/+(.+?)\/*$/.exec(uri) ?? [];
  if (path !== undefined) return innerPath(path);
  throw new Fault('invalid_source', [
    `the files of ${name} ${version} lie in ${uri}, which the MLflow server does not hand out: start it with --serve-artifacts, or download them (mlflow artifacts download) and import the folder`,
  ]);
}

const MAX_FILES = 1000;

async function filesBelow(client: MlflowClient, root: string): Promise<{ path: string; size: number }[]> {
  const found: { path: string; size: number }[] = [];
  const folders = [''];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    const at = folder === '' ? root : `${root}/${folder}`;
    for (const { path, is_dir, file_size } of await client.list(at)) {
      const inner = innerPath(folder === '' ? path : `${folder}/${path}`);
      if (is_dir) folders.push(inner);
      else found.push({ path: inner, size: file_size ?? 0 });
      if (found.length + folders.length > MAX_FILES)
        throw new Fault('invalid_source', [`the MLflow model has more than ${MAX_FILES} files`]);
    }
  }
  const total = found.reduce((sum, { size }) => sum + size, 0);
  if (total > MAX_MODEL_BYTES)
    throw new Fault('invalid_source', [`the MLflow model has ${total} bytes, more than ${MAX_MODEL_BYTES}`]);
  return found;
}

async function readText(client: MlflowClient, path: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of await client.download(path)) {
    bytes += chunk.length;
    if (bytes > 16 * 1024 * 1024) throw new Fault('invalid_source', [`${path} has more than 16 MB`]);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

const ProfileSchema = z.looseObject({
  num_rows: z.number().optional(),
  features_shape: z.array(z.number()).optional(),
});

/** Metrics, and the data set that the run names, if it does. */
function factsOfRun({ data, inputs }: MlflowRun): Partial<SourceFacts> {
  const [used] = inputs?.dataset_inputs ?? [];
  const metrics = Object.fromEntries(
    data.metrics.flatMap(({ key, value }) =>
      typeof value === 'number' && key !== '__proto__' ? [[key, value]] : [],
    ),
  );
  if (used === undefined) return { metrics };
  const { name, digest, profile } = used.dataset;
  const rows = rowsOf(profile);
  return {
    metrics,
    data: `${name}${digest === undefined ? '' : ` (MLflow data set, digest ${digest})`}`,
    ...(rows !== undefined && { rows }),
  };
}

function rowsOf(profile: string | undefined): number | undefined {
  try {
    const read = ProfileSchema.parse(JSON.parse(profile ?? ''));
    const rows = read.num_rows ?? read.features_shape?.[0];
    return Number.isInteger(rows) ? rows : undefined;
  } catch {
    return undefined;
  }
}
