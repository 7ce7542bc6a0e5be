import { z } from 'zod';
import { disagreements } from './disagreements.js';
import { unknownKey } from './serving-schema.js';
import {
  ClassificationManifestSchema,
  RegressionManifestSchema,
  ScreenManifestSchema,
} from './task-manifests.js';

/** `manifest.json` of a model version: the contract between the ONNX graph and diegate. */
export const ManifestSchema = z
  .discriminatedUnion(
    'task',
    [ScreenManifestSchema, ClassificationManifestSchema, RegressionManifestSchema],
    { error: ({ code }) => unknownKey(code, ['anomaly-screen', 'classification', 'regression']) },
  )
  .superRefine((manifest, context) => {
    for (const { path, message } of disagreements(manifest)) {
      context.addIssue({ code: 'custom', path: [...path], message });
    }
  });
