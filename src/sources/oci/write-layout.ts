import { createHash } from 'node:crypto';
import { copyFile, mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { Fault } from '../../errors.js';
import type { ModelVersion } from '../../models/model-version.js';
import { sha256OfFile } from '../source-files.js';
import {
  ARTIFACT_TYPE,
  CONFIG_TYPE,
  type Descriptor,
  INDEX_TYPE,
  layerTypeOf,
  MANIFEST_TYPE,
  NAME_ANNOTATION,
  PATH_ANNOTATION,
  TITLE_ANNOTATION,
} from './model-pack.js';

/**
 * Writes a version as an OCI image layout in ModelPack form: each file a layer as it is, so that the same
 * version always has the same digest.
 * @param out folder that is not there yet; there whole, or not at all
 * @param tag what the layout calls the model
 * @returns the digest of the model's manifest
 * @throws Fault `invalid_source` when it cannot be written
 */
export async function writeLayout(version: ModelVersion, out: string, tag: string): Promise<string> {
  const target = resolve(out);
  const partial = `${target}.partial-${process.pid}`;
  try {
    await mkdir(join(partial, 'blobs', 'sha256'), { recursive: true });
    const digest = await writeBlobs(version, partial, tag);
    await rename(partial, target);
    return digest;
  } catch (error) {
    if (error instanceof Fault) throw error;
    throw new Fault(
      'invalid_source',
      [`${out} cannot be written: ${error instanceof Error ? error.message : String(error)}`],
      error,
    );
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}

async function writeBlobs(version: ModelVersion, layout: string, tag: string): Promise<string> {
  const folder = dirname(version.modelFile);
  const layers: Descriptor[] = [];
  for (const path of (await readdir(folder, { recursive: true })).sort()) {
    const file = join(folder, path);
    const found = await stat(file);
    if (!found.isFile()) continue;
    const { size } = found;
    const sha256 = await sha256OfFile(file);
    await copyFile(file, blobPath(layout, sha256));
    const metadata = {
      name: path,
      mode: 0o644,
      uid: 0,
      gid: 0,
      size,
      mtime: new Date(0).toISOString(),
      typeflag: 48,
    };
    layers.push({
      mediaType: layerTypeOf(path),
      digest: `sha256:${sha256}`,
      size,
      annotations: {
        [PATH_ANNOTATION]: path,
        [TITLE_ANNOTATION]: path,
        'org.cncf.model.file.metadata+json': JSON.stringify(metadata),
      },
    });
  }
  const config = await writeJson(layout, CONFIG_TYPE, configOf(version, layers));
  const manifest = await writeJson(layout, MANIFEST_TYPE, {
    schemaVersion: 2,
    mediaType: MANIFEST_TYPE,
    artifactType: ARTIFACT_TYPE,
    config,
    layers,
  });
  const index = {
    schemaVersion: 2,
    mediaType: INDEX_TYPE,
    manifests: [{ ...manifest, artifactType: ARTIFACT_TYPE, annotations: { [NAME_ANNOTATION]: tag } }],
  };
  await writeFile(join(layout, 'index.json'), `${JSON.stringify(index, undefined, 2)}\n`);
  await writeFile(join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}\n');
  return manifest.digest;
}

function configOf({ name, version, manifest }: ModelVersion, layers: readonly Descriptor[]) {
  return {
    descriptor: {
      createdAt: manifest.lineage.created,
      name,
      version,
      ...(manifest.description !== '' && { description: manifest.description }),
    },
    config: { format: 'onnx', capabilities: { inputTypes: ['other'], outputTypes: ['other'] } },
    modelfs: { type: 'layers', diffIds: layers.map(({ digest }) => digest) },
  };
}

async function writeJson(layout: string, mediaType: string, content: unknown): Promise<Descriptor> {
  const bytes = Buffer.from(JSON.stringify(content));
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  await writeFile(blobPath(layout, sha256), bytes);
  return { mediaType, digest: `sha256:${sha256}`, size: bytes.length };
}

export function blobPath(layout: string, sha256: string): string {
  return join(layout, 'blobs', 'sha256', sha256);
}
