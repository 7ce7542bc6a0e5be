import { z } from 'zod';
import {
  DEFAULT_PARAMETER_COUNT,
  DieLabelSchema,
  type MeasurementContract,
  NamedModelSchema,
} from '../../../die/die.js';
import { inputTensors } from '../../../models/manifest/input-tensors.js';
import type { ModelVersion } from '../../../models/model-version.js';
import { probeOf } from '../../../models/model-version.js';

/** What is documented while no model can be read. */
const DEFAULT_CONTRACT: MeasurementContract = {
  parameterCount: DEFAULT_PARAMETER_COUNT,
  acceptsMissing: false,
};

const FloatsSchema = z.string().meta({ format: 'binary' });

/** A number; or the text of a category, of a parameter that is one. */
const ValueSchema = z.union([z.number(), z.string()]).nullable();

/**
 * A die of any model: how many values it has, and whether one may be missing, is its model's to say. An exact number
 * here would be that of one model, and in generated clients a type of so many elements.
 */
function documentedDie({ parameterCount }: MeasurementContract, version: ModelVersion | undefined) {
  const shape = version && shapeText(version);
  return DieLabelSchema.extend({
    ...NamedModelSchema.shape,
    test_params: z
      .union([z.array(ValueSchema).min(1), z.record(z.string(), ValueSchema)])
      .describe(
        `Measurement of the die: as many parametric test results as the model has parameters (${parameterCount} of the default model${shape === undefined ? '' : `, ${shape}`}), in their order, row-major, or by name or test number; the text of a category for a parameter that is one; null where no value was measured and the model accepts that, or where a label of the die says the category: equipment_id, or one of the model's own beside it, such as product`,
      ),
  }).meta({ title: 'Die' });
}

/** The inputs that the values fill, where they are not one flat row; undefined where they are. */
function shapeText({ manifest }: ModelVersion): string | undefined {
  const inputs = inputTensors(manifest).filter(({ columns }) => columns > 0);
  const isFlat = inputs.length === 1 && inputs[0]?.shape.length === 1;
  if (isFlat) return undefined;
  const texts = inputs.slice(0, MOST_SHAPES).map(({ name, shape }) => `${name} [${shape.join(', ')}]`);
  return `${texts.join(', then ')}${inputs.length > MOST_SHAPES ? ', ...' : ''}`;
}

const MOST_SHAPES = 8;

/** What the body of a call for one die is, for the documentation. */
export function dieBody(version: ModelVersion | undefined) {
  const contract = version?.contract ?? DEFAULT_CONTRACT;
  return {
    content: {
      'application/json': {
        schema: withExamples(documentedDie(contract, version), version, (known) => exampleDie(known, 0)),
      },
      'application/octet-stream': {
        schema: FloatsSchema.describe(
          `${contract.parameterCount} little-endian float32; the die id in the header x-die-id`,
        ),
      },
    },
  };
}

/** What the body of a batch call is, for the documentation. */
export function diesBody(version: ModelVersion | undefined) {
  const contract = version?.contract ?? DEFAULT_CONTRACT;
  const dies = z.array(documentedDie(contract, version)).min(1);
  return {
    content: {
      'application/json': {
        schema: withExamples(dies, version, (known) => [exampleDie(known, 0), exampleDie(known, 1)]),
      },
      'application/octet-stream': {
        schema: FloatsSchema.describe(
          `n × ${contract.parameterCount} little-endian float32; ids in the header x-die-ids, else generated`,
        ),
      },
    },
  };
}

function withExamples<T extends z.ZodType>(
  schema: T,
  version: ModelVersion | undefined,
  example: (version: ModelVersion) => unknown,
): T {
  return version === undefined ? schema : schema.meta({ examples: [example(version)] });
}

/** An example payload. */
export const ExampleSchema = z.object({
  die_id: z.string(),
  wafer_id: z.string(),
  equipment_id: z.string(),
  test_params: z.array(z.number()),
});

/** A die that the version takes as it stands: every parameter at its expected value. */
export function exampleDie(version: ModelVersion, index: number): z.infer<typeof ExampleSchema> {
  return {
    die_id: `wafer123_die${456 + index}`,
    wafer_id: 'wafer123',
    equipment_id: 'tester-7',
    test_params: Array.from(probeOf(version), (value) => Number(value.toPrecision(6))),
  };
}
