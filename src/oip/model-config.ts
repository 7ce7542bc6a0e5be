import { z } from 'zod';
import { DATATYPE_NAMES } from './datatypes.js';
import type { OipVersion } from './engine.js';
import type { InputDatatype } from './inputs.js';

const TypeSchema = z.enum([
  'TYPE_STRING',
  'TYPE_BOOL',
  ...DATATYPE_NAMES.map((name) => `TYPE_${name}` as const),
]);

const ConfigTensorSchema = z.object({
  name: z.string(),
  data_type: TypeSchema,
  dims: z.array(z.int()).describe('Of one die'),
  reshape: z
    .object({ shape: z.array(z.int()) })
    .optional()
    .describe('The shape of one die as it is sent, where that is none'),
});

/** What Triton's model configuration extension says of a version, as far as it is known here. */
export const ModelConfigSchema = z.object({
  name: z.string(),
  platform: z.literal('onnxruntime_onnx'),
  backend: z.literal('onnxruntime'),
  version_policy: z.object({ specific: z.object({ versions: z.array(z.string()) }) }),
  max_batch_size: z.int().describe('Most dies in one request'),
  input: z.array(ConfigTensorSchema),
  output: z.array(ConfigTensorSchema),
  dynamic_batching: z.object({
    preferred_batch_size: z.array(z.int()).describe('Most dies in one session.run'),
    max_queue_delay_microseconds: z.int(),
    default_queue_policy: z.object({ default_timeout_microseconds: z.int(), max_queue_size: z.int() }),
  }),
  parameters: z.record(z.string(), z.object({ string_value: z.string() })),
});

/** @param maxDies most dies in one request */
export function modelConfig(
  { name, version, inputs, outputs, threshold, sha256, batching }: OipVersion,
  maxDies: number,
): z.infer<typeof ModelConfigSchema> {
  return {
    name,
    platform: 'onnxruntime_onnx',
    backend: 'onnxruntime',
    version_policy: { specific: { versions: [version] } },
    max_batch_size: maxDies,
    input: inputs.map((input) => ({
      name: input.name,
      data_type: typeOf(input.datatype),
      ...dimsOf(input.dieShape),
    })),
    output: outputs.map(({ name: output, datatype, dieShape }) => ({
      name: output,
      data_type: typeOf(datatype),
      ...dimsOf(dieShape),
    })),
    dynamic_batching: {
      preferred_batch_size: [batching.maxBatchSize],
      max_queue_delay_microseconds: Math.round(batching.maxQueueDelayMs * 1000),
      default_queue_policy: {
        default_timeout_microseconds: batching.defaultDeadlineMs * 1000,
        max_queue_size: batching.maxQueueSize,
      },
    },
    parameters: { threshold: { string_value: String(threshold) }, sha256: { string_value: sha256 } },
  };
}

function typeOf(datatype: InputDatatype): z.infer<typeof TypeSchema> {
  return datatype === 'BYTES' ? 'TYPE_STRING' : `TYPE_${datatype}`;
}

/** Triton has no shape without sizes. */
function dimsOf(dieShape: readonly number[]) {
  return dieShape.length === 0 ? { dims: [1], reshape: { shape: [] } } : { dims: [...dieShape] };
}
