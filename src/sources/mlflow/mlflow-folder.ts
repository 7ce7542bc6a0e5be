import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { FoundModel, SourceFacts } from '../model-source.js';
import { copyModelFiles, innerPath } from '../source-files.js';
import { fieldsAmong, type MlModel, readMlModel } from './ml-model.js';

/** A folder that MLflow has written: `MLmodel` and the files that it names. */
export async function findMlflowFolder(path: string): Promise<FoundModel> {
  const folder = resolve(path);
  const mlModel = readMlModel(await readFile(join(folder, 'MLmodel'), 'utf8'));
  const source = { from: 'mlflow', location: folder, ...idsOf(mlModel) } as const;
  return {
    name: undefined,
    version: undefined,
    source,
    async fetchInto(target) {
      await copyModelFiles(join(folder, innerPath(mlModel.onnxFile)), target);
      return { ...factsOf(mlModel), source };
    },
  };
}

/** Whether a folder holds an MLflow model. */
export async function isMlflowFolder(path: string): Promise<boolean> {
  return readFile(join(path, 'MLmodel')).then(
    () => true,
    () => false,
  );
}

/** Who the model is at MLflow. */
export function idsOf({ modelId, runId }: MlModel): { loggedModel?: string; run?: string } {
  return {
    ...(modelId !== undefined && { loggedModel: modelId }),
    ...(runId !== undefined && { run: runId }),
  };
}

/** What the file MLmodel alone says. */
export function factsOf({ columns, madeBy, created, metadata }: MlModel): Omit<SourceFacts, 'source'> {
  return {
    madeBy,
    set: fieldsAmong(metadata),
    ...(columns !== undefined && { parameters: columns }),
    ...(created !== undefined && { created }),
  };
}
