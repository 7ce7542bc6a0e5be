import type { z } from 'zod';
import type { OipEngine, OipVersion } from './engine.js';
import type { ModelMetadataSchema } from './schemas.js';

/** The protocol's extensions that the server has, by the names that Triton gave them. */
export function extensionsOf({ statistics }: Pick<OipEngine, 'statistics'>): string[] {
  return [
    'binary_tensor_data',
    'model_repository',
    'model_configuration',
    ...(statistics === undefined ? [] : ['statistics']),
  ];
}

/** What the protocol says of a version: its model's versions, its inputs and outputs. */
export function metadataOf(
  engine: Pick<OipEngine, 'versions'>,
  { name, inputs, outputs }: OipVersion,
): z.infer<typeof ModelMetadataSchema> {
  return {
    name,
    versions: engine.versions(name).map((one) => one.version),
    platform: 'onnxruntime_onnx',
    inputs: inputs.map((input) => ({
      name: input.name,
      datatype: input.datatype,
      shape: [-1, ...input.dieShape],
    })),
    outputs: outputs.map((output) => ({
      name: output.name,
      datatype: output.datatype,
      shape: [-1, ...output.dieShape],
    })),
  };
}
