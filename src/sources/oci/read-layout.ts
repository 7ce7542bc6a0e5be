import { createReadStream } from 'node:fs';
import { copyFile, mkdir, readFile, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { unpackTar } from 'modern-tar/fs';
import type { z } from 'zod';
import { Fault } from '../../errors.js';
import { schemaProblems } from '../../schema-faults.js';
import type { FoundModel, SourceFacts } from '../model-source.js';
import { copyModelFiles, innerPath, MAX_MODEL_BYTES, sha256OfFile } from '../source-files.js';
import {
  ARTIFACT_TYPE,
  type Descriptor,
  formOf,
  IndexSchema,
  LayoutSchema,
  NAME_ANNOTATION,
  PATH_ANNOTATION,
  PackConfigSchema,
  PackManifestSchema,
  TITLE_ANNOTATION,
} from './model-pack.js';
import { blobPath } from './write-layout.js';

/**
 * The model in an OCI image layout.
 * @param tag which one, where the layout holds several
 * @throws Fault `invalid_source` where the layout holds none, or a blob is not what its digest says
 */
export async function findInLayout(path: string, tag: string | undefined): Promise<FoundModel> {
  const layout = resolve(path);
  await readJson(join(layout, 'oci-layout'), LayoutSchema);
  const { manifests } = await readJson(join(layout, 'index.json'), IndexSchema);
  const descriptor = chosen(manifests, tag, path);
  const manifest = await readBlob(layout, descriptor, PackManifestSchema);
  const { descriptor: about } = await readBlob(layout, manifest.config, PackConfigSchema);
  const source = { from: 'oci', location: layout, digest: descriptor.digest } as const;
  return {
    name: about.name,
    version: about.version,
    source,
    async fetchInto(folder): Promise<SourceFacts> {
      const total = manifest.layers.reduce((sum, { size }) => sum + size, 0);
      if (total > MAX_MODEL_BYTES)
        throw new Fault('invalid_source', [`the layers have ${total} bytes, more than ${MAX_MODEL_BYTES}`]);
      for (const layer of manifest.layers) await placeLayer(layout, layer, folder);
      await nameModelFile(folder, manifest.layers);
      const description = about.description === undefined ? {} : { description: about.description };
      return { ...description, source, set: {} };
    },
  };
}

/** Whether a folder is an OCI image layout. */
export function isLayout(path: string): Promise<boolean> {
  return stat(join(path, 'oci-layout')).then(
    () => true,
    () => false,
  );
}

function chosen(manifests: readonly Descriptor[], tag: string | undefined, path: string): Descriptor {
  const named = manifests.filter(
    ({ annotations }) => tag === undefined || annotations?.[NAME_ANNOTATION] === tag,
  );
  const models = named.filter(
    ({ artifactType }) => artifactType === undefined || artifactType === ARTIFACT_TYPE,
  );
  const [only] = models;
  if (only !== undefined && models.length === 1) return only;
  const names = manifests
    .map(({ annotations, digest }) => annotations?.[NAME_ANNOTATION] ?? digest)
    .join(', ');
  throw new Fault('invalid_source', [
    tag === undefined
      ? `${path} holds ${models.length} models (${names}), expected one: say which with --tag`
      : `${path} holds no model "${tag}", but ${names}`,
  ]);
}

async function readJson<T extends z.ZodType>(file: string, schema: T): Promise<z.output<T>> {
  let content: unknown;
  try {
    content = JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    throw new Fault(
      'invalid_source',
      [`${file} cannot be read as JSON: ${error instanceof Error ? error.message : String(error)}`],
      error,
    );
  }
  const read = schema.safeParse(content);
  if (read.success) return read.data;
  throw new Fault(
    'invalid_source',
    schemaProblems(content, read.error.issues).map((problem) => `${basename(file)}: ${problem}`),
  );
}

async function readBlob<T extends z.ZodType>(
  layout: string,
  descriptor: Descriptor,
  schema: T,
): Promise<z.output<T>> {
  return readJson(await provenBlob(layout, descriptor), schema);
}

/** The file of a blob whose bytes are those that its digest says. */
async function provenBlob(layout: string, { digest, size }: Descriptor): Promise<string> {
  const file = blobPath(layout, digest.slice('sha256:'.length));
  const found = await stat(file).catch(() => undefined);
  if (found === undefined) throw new Fault('invalid_source', [`the blob ${digest} is missing`]);
  if (found.size !== size)
    throw new Fault('invalid_source', [`the blob ${digest} has ${found.size} bytes, expected ${size}`]);
  const sha256 = await sha256OfFile(file);
  if (digest !== `sha256:${sha256}`)
    throw new Fault('invalid_source', [`the blob ${digest} has sha256 ${sha256}: it was damaged or changed`]);
  return file;
}

async function placeLayer(layout: string, layer: Descriptor, folder: string): Promise<void> {
  const form = formOf(layer);
  if (form === undefined || form === 'tar+zstd')
    throw new Fault('invalid_source', [
      `the layer ${layer.digest} is ${layer.mediaType}, expected a layer of ModelPack, raw, tar or tar+gzip`,
    ]);
  const blob = await provenBlob(layout, layer);
  if (form !== 'raw') return unpack(blob, form, folder);
  const path = layer.annotations?.[PATH_ANNOTATION] ?? layer.annotations?.[TITLE_ANNOTATION];
  if (path === undefined)
    throw new Fault('invalid_source', [
      `the layer ${layer.digest} does not say what its file is called (annotation ${PATH_ANNOTATION})`,
    ]);
  const file = join(folder, innerPath(path));
  await mkdir(dirname(file), { recursive: true });
  await copyFile(blob, file);
}

/** Files and folders only: a link would lead to files that the digest does not cover. */
async function unpack(blob: string, form: 'tar' | 'tar+gzip', folder: string): Promise<void> {
  let bytes = 0;
  const extract = unpackTar(folder, {
    fmode: 0o644,
    dmode: 0o755,
    maxDepth: 16,
    filter: (header) => {
      innerPath(header.name.replace(/\/$/, ''));
      bytes += header.size;
      if (bytes > MAX_MODEL_BYTES)
        throw new Fault('invalid_source', [`a layer unpacks to more than ${MAX_MODEL_BYTES} bytes`]);
      return header.type === 'file' || header.type === 'directory';
    },
  });
  const source = createReadStream(blob);
  try {
    await (form === 'tar' ? pipeline(source, extract) : pipeline(source, createGunzip(), extract));
  } catch (error) {
    if (error instanceof Fault) throw error;
    throw new Fault(
      'invalid_source',
      [`a layer cannot be unpacked: ${error instanceof Error ? error.message : String(error)}`],
      error,
    );
  }
}

/** Gives the only ONNX file of a model that others have packed the name that it has in a version. */
async function nameModelFile(folder: string, layers: readonly Descriptor[]): Promise<void> {
  const there = (name: string) =>
    stat(join(folder, name)).then(
      () => true,
      () => false,
    );
  if (await there('model.onnx')) return;
  const names = layers.flatMap(
    ({ annotations }) => annotations?.[PATH_ANNOTATION] ?? annotations?.[TITLE_ANNOTATION] ?? [],
  );
  const graphs = names.filter((name) => /\.onnx$/i.test(name));
  const [graph] = graphs;
  if (graph === undefined || graphs.length !== 1) {
    throw new Fault('invalid_source', [
      `the model holds ${names.join(', ') || 'no named file'}, expected model.onnx or one .onnx file`,
    ]);
  }
  const own = join(folder, innerPath(graph));
  if (dirname(own) === folder) await copyModelFiles(own, folder);
  else throw new Fault('invalid_source', [`the model has its graph in ${graph}, expected it at the top`]);
  await rm(own);
}
