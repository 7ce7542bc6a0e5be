import { z } from 'zod';
import { DEFAULT_PARAMETER_COUNT } from '../../die/die.js';
import { ELEMENT_TYPES } from './element-types.js';

/** What a die has under these names is no label that a category could be taken from. */
const NO_CATEGORY_LABELS = ['die_id', 'x', 'y', 'test_params', 'model_name', 'model_version'];

/** A label of a die that a category is taken from: `equipment_id`, `product`, or whatever its callers send. */
const CategoryLabelSchema = z
  .string()
  .regex(/^[a-z][a-z0-9_]{0,63}$/, 'expected lower-case letters, digits and "_", such as "product"')
  .refine((name) => !NO_CATEGORY_LABELS.includes(name), {
    error: `expected another name than ${NO_CATEGORY_LABELS.join(', ')}`,
  });

export const ParameterSchema = z.strictObject({
  name: z.string().min(1).max(128),
  unit: z.string().max(32).optional().describe('SI unit of the values, for example "V"'),
  testNumber: z.int().min(0).max(0xffffffff).optional().describe('STDF TEST_NUM'),
  testName: z
    .string()
    .max(255)
    .optional()
    .describe('STDF TEST_TXT, which tells tests of one number apart; what `name` says if left out'),
  position: z
    .int()
    .min(1)
    .max(0xffff)
    .optional()
    .describe('Which result of a record of several (STDF MPR), from 1'),
  pin: z.string().min(1).max(255).optional().describe('Pin of that result, by the PMR'),
  functional: z
    .boolean()
    .optional()
    .describe('A functional test (STDF FTR): the value is 0 where it passed and 1 where it failed'),
  lowLimit: z.number().optional().describe('Lower specification limit, in `unit`'),
  highLimit: z.number().optional().describe('Upper specification limit, in `unit`'),
  expected: z.number().optional().describe('Mean over the passing dies of the training data, in `unit`'),
  minimum: z
    .number()
    .optional()
    .describe('Least value that the model was made for; below it a die is refused'),
  maximum: z
    .number()
    .optional()
    .describe('Largest value that the model was made for; above it a die is refused'),
  median: z.number().optional().describe('Median over passing dies, the centre of its PAT limits'),
  robustSigma: z
    .number()
    .positive()
    .optional()
    .describe('Robust standard deviation over passing dies: its PAT limits are median ± k of it'),
  residualSigma: z
    .number()
    .positive()
    .optional()
    .describe(
      'Robust standard deviation of the value about what the others let expect, over passing dies, in `unit`',
    ),
  categories: z
    .array(z.string().min(1).max(128))
    .min(1)
    .max(4096)
    .optional()
    .describe(
      'What the value may be, where it is no number: it travels as its position in this list, from 0',
    ),
  label: CategoryLabelSchema.optional().describe(
    'The label of the die that the category is taken from where the value is null',
  ),
  unknown: z
    .string()
    .optional()
    .describe('The category of a die whose own is none of them; without it such a die is refused'),
});

/** One test parameter that a model reads. */
export type Parameter = z.infer<typeof ParameterSchema>;

/** Most parameters of a die: an image of 512 × 512. */
const MAX_PARAMETERS = 262_144;

function isRegExp(text: string): boolean {
  try {
    return new RegExp(text, 'u') !== undefined;
  } catch {
    return false;
  }
}

const elementType = z
  .enum(ELEMENT_TYPES)
  .describe('Type of its elements in the graph: a value that it cannot hold exactly is refused');

const sizes = z
  .array(z.int().min(1).max(MAX_PARAMETERS))
  .max(7)
  .describe('Sizes after the batch dimension; their product is its number of parameters. [] for [N]');

export const InputTensorSchema = z.strictObject({
  name: z.string().min(1).describe('Name of the ONNX input'),
  type: elementType.default('float32'),
  shape: sizes.default([1]),
  constant: z
    .union([z.number(), z.string()])
    .optional()
    .describe('Fed for every die in place of parameters: an input that decides nothing, such as a label'),
});

/** One input of the graph, with its share of a die's parameters. */
export type InputTensor = z.infer<typeof InputTensorSchema>;

/** What a version reads of a die, and how the graph takes it. */
export const InputSchema = z.strictObject({
  name: z
    .string()
    .min(1)
    .describe('Name of the ONNX input, [N, parameters]; with tensors, the name of all of them together'),
  type: elementType.optional(),
  shape: sizes.optional(),
  tensors: z
    .array(InputTensorSchema)
    .min(1)
    .max(4096)
    .optional()
    .describe('The inputs of a graph that has several; the parameters are theirs in this order'),
  parameters: z
    .union([z.int().min(1).max(MAX_PARAMETERS), z.array(ParameterSchema).min(1).max(MAX_PARAMETERS)])
    .default(DEFAULT_PARAMETER_COUNT)
    .describe('How many test parameters, or the list of them in order'),
  missing: z.enum(['reject', 'impute']).default('reject').describe('What a null value means to this model'),
  stripName: z
    .string()
    .min(1)
    .max(200)
    .refine(isRegExp, { error: 'expected a regular expression' })
    .optional()
    .describe('Regular expression of what is taken out of the test names of a lot before they are compared'),
});
