import { copyFile, mkdir, readdir, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { Fault } from '../errors.js';
import type { FoundModel } from './model-source.js';
import { copyModelFiles } from './source-files.js';

/**
 * An ONNX file with what lies beside it for it, or the folder of a version from another repository.
 * @throws Fault `invalid_source` where there is neither
 */
export async function findPlainFiles(path: string): Promise<FoundModel> {
  const found = await stat(path).catch(() => undefined);
  const absolute = resolve(path);
  const source = { from: 'files', location: absolute } as const;
  if (found?.isFile()) {
    return {
      name: basename(absolute).replace(/\.onnx$/i, ''),
      version: undefined,
      source,
      async fetchInto(folder) {
        await copyModelFiles(absolute, folder);
        return { source, set: {} };
      },
    };
  }
  const names = found?.isDirectory() ? await readdir(absolute) : [];
  if (!names.includes('model.onnx')) {
    throw new Fault('invalid_source', [
      `${path} is no model: expected an ONNX file, a folder with model.onnx, an MLflow model (MLmodel) or an OCI image layout (oci-layout)`,
    ]);
  }
  return {
    name: basename(dirname(absolute)),
    version: basename(absolute),
    source,
    async fetchInto(folder) {
      for (const name of await readdir(absolute, { recursive: true })) {
        if (!(await stat(join(absolute, name))).isFile()) continue;
        await mkdir(dirname(join(folder, name)), { recursive: true });
        await copyFile(join(absolute, name), join(folder, name));
      }
      return { source, set: {} };
    },
  };
}
