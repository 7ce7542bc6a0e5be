import { z } from 'zod';
import { describeInput } from '../schema-faults.js';
import { DATATYPE_NAMES, TENSOR_DATATYPES } from './datatypes.js';

const found = (expected: string) => ({
  error: ({ input }: { readonly input?: unknown }) => `expected ${expected}, found ${describeInput(input)}`,
});

/** What the protocol has and this server does not: named when it is asked for. */
const unsupported = (instead: string) => z.never({ error: `is not supported here; ${instead}` }).optional();

const NO_SHARED_MEMORY = {
  shared_memory_region: unsupported('send and ask for tensors as data or as binary data'),
};
const NO_SEQUENCES = {
  sequence_id: z
    .literal([0, ''], { error: 'is not supported here; every die is scored on its own' })
    .optional(),
};

export const InferInputSchema = z.object(
  {
    name: z.string(found('a string')),
    shape: z
      .array(z.int(found('a whole number')).min(0, found('a size of 0 or more')), found('an array of sizes'))
      .describe('[dies, ...] as the metadata says, or without the dies for one die'),
    datatype: z
      .enum(TENSOR_DATATYPES, {
        error: ({ input }) =>
          `expected FP32, or a number type that converts to it (${DATATYPE_NAMES.join(', ')}), found ${describeInput(input)}; numpy: .astype(numpy.float32)`,
      })
      .describe('As the metadata says; numbers of other types are taken where FP32 holds them exactly'),
    parameters: z
      .looseObject(
        {
          binary_data_size: z
            .int(found('a whole number of bytes'))
            .min(0, found('a number of bytes'))
            .optional(),
          ...NO_SHARED_MEMORY,
        },
        found('an object'),
      )
      .nullish(),
    data: z
      .unknown()
      .optional()
      .describe('The values, row after row or nested as the shape says; null where one is missing'),
  },
  found('an input, an object with name, shape and datatype'),
);

export const InferOutputRequestSchema = z.object(
  {
    name: z.string(found('a string')),
    parameters: z
      .looseObject(
        {
          binary_data: z.boolean(found('true or false')).optional(),
          classification: z
            .literal(0, { error: 'is not supported here; ask for the output itself' })
            .optional(),
          ...NO_SHARED_MEMORY,
        },
        found('an object'),
      )
      .nullish(),
  },
  found('an output, an object with a name'),
);

/** As many as a manifest may have. */
const MAX_INPUTS = 4096;

/** The JSON part of an infer request. */
export const InferRequestSchema = z.object(
  {
    id: z
      .string(found('a string'))
      .max(1024, { error: 'expected at most 1024 characters' })
      .nullish()
      .describe('Returned with the answer; with the row it also names the dies in logs'),
    parameters: z
      .looseObject(
        {
          binary_data_output: z.boolean(found('true or false')).optional(),
          timeout: z
            .int(found('whole microseconds'))
            .min(0, found('whole microseconds'))
            .optional()
            .describe('Microseconds from arrival within which the dies must be scored; 0 for the default'),
          ...NO_SEQUENCES,
        },
        found('an object'),
      )
      .nullish(),
    inputs: z
      .array(InferInputSchema, found('an array of inputs'))
      .min(1, { error: 'expected 1 input, found 0' })
      .max(MAX_INPUTS, { error: `expected at most ${MAX_INPUTS} inputs` }),
    outputs: z.array(InferOutputRequestSchema, found('an array of outputs')).nullish(),
    model_name: z.string(found('a string')).nullish().describe('If given, that of the path'),
    model_version: z.string(found('a string')).nullish().describe('If given, the one that is to answer'),
  },
  found('an object with inputs'),
);

export type InferRequestHead = z.infer<typeof InferRequestSchema>;
export type InferInput = z.infer<typeof InferInputSchema>;

export const AnsweredTensorSchema = z.object({
  name: z.string(),
  datatype: z.enum(['FP32', 'BYTES']),
  shape: z.array(z.int()),
  parameters: z.object({ binary_data_size: z.int() }).optional(),
  data: z
    .array(z.union([z.number(), z.string(), z.null()]))
    .optional()
    .describe('Absent where the bytes follow the JSON; null for a number that is not finite'),
});

export type AnsweredTensor = z.infer<typeof AnsweredTensorSchema>;

/** The JSON part of the answer to an infer request. */
export const InferAnswerSchema = z.object({
  model_name: z.string(),
  model_version: z
    .string()
    .optional()
    .describe(
      'Absent where a split gave the dies to several versions; the output model_version names that of each die',
    ),
  id: z.string().optional(),
  parameters: z
    .object({
      fallback: z.literal(true).describe('A fallback answered for the version, for some die at least'),
    })
    .optional(),
  outputs: z.array(AnsweredTensorSchema),
});

export type InferAnswer = z.infer<typeof InferAnswerSchema>;

export const OipErrorSchema = z.object({
  error: z.string().describe('What was found and what was expected'),
});

export const ServerMetadataSchema = z.object({
  name: z.string(),
  version: z.string(),
  extensions: z.array(z.string()),
});

export const TensorMetadataSchema = z.object({
  name: z.string(),
  datatype: z.enum(TENSOR_DATATYPES),
  shape: z.array(z.int()).describe('-1 for the number of dies'),
});

export const ModelMetadataSchema = z.object({
  name: z.string(),
  versions: z.array(z.string()),
  platform: z.string(),
  inputs: z.array(TensorMetadataSchema),
  outputs: z.array(TensorMetadataSchema),
});

export const LiveSchema = z.object({ live: z.boolean() });
export const ServerReadySchema = z.object({ ready: z.boolean() });
export const ModelReadySchema = z.object({ name: z.string(), ready: z.boolean() });

/** The body of an index request; an empty body asks for everything. */
export const IndexRequestSchema = z.looseObject(
  {
    ready: z
      .boolean(found('true or false'))
      .nullish()
      .describe('Whether to list only versions that can answer'),
  },
  found('an object'),
);

export const IndexEntrySchema = z.object({
  name: z.string(),
  version: z.string(),
  state: z.enum(['READY', 'LOADING', 'UNLOADING', 'UNAVAILABLE']),
  reason: z.string().describe('Why it is not ready; empty when it is'),
});
export const RepositoryIndexSchema = z.array(IndexEntrySchema);

/** The body of a load or unload request; it may be empty. */
export const ControlRequestSchema = z.looseObject(
  {
    parameters: z
      .looseObject(
        { config: unsupported("a model is loaded as its folder's manifest says") },
        found('an object'),
      )
      .refine((given) => !Object.keys(given).some((name) => name.startsWith('file:')), {
        error: 'files are not taken here; put the version into the model repository',
      })
      .nullish(),
  },
  found('an object'),
);

export const LoadedSchema = z.object({ name: z.string(), load: z.literal(true) });
export const UnloadedSchema = z.object({ name: z.string(), unload: z.literal(true) });

const DurationSchema = z.object({ count: z.int(), ns: z.int().describe('All together, nanoseconds') });

export const VersionStatisticsSchema = z.object({
  last_inference: z.int().describe('Milliseconds since 1970; 0 for never'),
  inference_count: z.int().describe('Dies that were answered'),
  execution_count: z.int().describe('Batches that were run'),
  inference_stats: z.object({
    success: DurationSchema.describe('Requests that were answered, from arrival to decision'),
    fail: DurationSchema.describe('Requests that were not'),
    queue: DurationSchema.describe("For each batch, its dies' longest wait in the queue"),
    compute_input: DurationSchema.describe('For each batch, its way to the worker and back'),
    compute_infer: DurationSchema.describe('For each batch, its session.run'),
    compute_output: DurationSchema.describe('Always 0: the way back is part of compute_input'),
  }),
  batch_stats: z.array(
    z.object({
      batch_size: z.int(),
      compute_input: DurationSchema,
      compute_infer: DurationSchema,
      compute_output: DurationSchema,
    }),
  ),
});

/** The statistics of one version, as the statistics extension has them. */
export type VersionStatistics = z.infer<typeof VersionStatisticsSchema>;

export const StatisticsSchema = z.object({
  model_stats: z.array(z.object({ name: z.string(), version: z.string(), ...VersionStatisticsSchema.shape })),
});
