import { ManifestSchema } from '../../src/models/manifest/manifest.js';
import { createModelVersion, type ModelVersion } from '../../src/models/model-version.js';
import { sumVersion } from './models.js';

/** The sum model of four parameters as the repository would hold it, without files. */
export function versionForTest(): ModelVersion {
  return createModelVersion(ManifestSchema.parse(sumVersion(4).manifest), undefined, '/nowhere/model.onnx');
}
