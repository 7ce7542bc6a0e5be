import { dirname, join } from 'node:path';
import { Fault } from '../../errors.js';
import { isLfsPointer, otherFileKind } from '../../models/graph/file-kind.js';
import { type HashedFile, hashed, readHashed } from './hashed-file.js';
import type { SessionSpec } from './messages.js';
import { bytesOf, type KeptModel, type ModelBytes } from './model-bytes.js';

/** The bytes that a session is made of. */
interface ModelFiles {
  readonly graph: Uint8Array;
  /** Weights that lie beside model.onnx: without them ONNX Runtime would look for them in the working directory. */
  readonly externalData: readonly { readonly path: string; readonly data: Uint8Array }[];
}

/**
 * The files of a version, each held against its checksum: they may have been replaced since they were checked.
 * @param kept the bytes, where they are at hand; else they are read from the version's folder and nowhere else
 * @throws Error that begins with the name of the file which cannot be read, or is not the one that was asked for
 */
export async function readModelFiles(spec: SessionSpec, kept: KeptModel | undefined): Promise<ModelFiles> {
  const found = await fileOf('model.onnx', spec.modelFile, kept?.graph);
  const graph = found.bytes;
  assertIs('model.onnx', found, spec.sha256, otherFileKind(graph));
  const externalData: { path: string; data: Uint8Array }[] = [];
  // Few graphs have any, and what reads them takes as long to load as ONNX Runtime itself.
  for (const path of found.mentions ? await externalPaths(graph) : []) {
    const listed = spec.files?.[path];
    if (spec.files !== undefined && listed === undefined)
      throw new Error(
        `model.onnx has weights in "${path}", which manifest.json does not list: expected its sha256 under files`,
      );
    const bytes = kept?.external.find((file) => file.path === path)?.bytes;
    const data = await fileOf(path, join(dirname(spec.modelFile), path), bytes);
    assertIs(path, data, listed, isLfsPointer(data.bytes) ? LFS_POINTER : undefined);
    externalData.push({ path, data: data.bytes });
  }
  return { graph, externalData };
}

const LFS_POINTER = 'is a Git LFS pointer and not the weights themselves: fetch them with git lfs pull';

/** What a tensor says of a file that it lies in is named so, in the bytes of the graph. */
const NAME_OF_LOCATION = 'location';

async function externalPaths(graph: Uint8Array): Promise<string[]> {
  const { externalFiles } = await import('../../models/graph/external-data.js');
  try {
    return externalFiles(graph);
  } catch (error) {
    if (error instanceof Fault) throw new Error(`model.onnx ${error.problems[0]}`, { cause: error });
    throw error;
  }
}

/** @param kept its bytes, where they are at hand */
async function fileOf(name: string, file: string, kept: ModelBytes | undefined): Promise<HashedFile> {
  if (kept !== undefined) return hashed(bytesOf(kept), NAME_OF_LOCATION);
  try {
    return await readHashed(file, NAME_OF_LOCATION);
  } catch (error) {
    // Without its path: why a version failed is answered to callers too.
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    throw new Error(`${name} cannot be read: ${code}`, { cause: error });
  }
}

/** @param otherKind what the file is instead, where that is known: it says more than that its checksum is another */
function assertIs(
  name: string,
  { sha256: found }: HashedFile,
  sha256: string | undefined,
  otherKind: string | undefined,
): void {
  if (otherKind !== undefined) throw new Error(`${name} ${otherKind}`);
  if (sha256 !== undefined && found !== sha256)
    throw new Error(`${name} has sha256 ${found}, manifest.json says ${sha256}`);
}
