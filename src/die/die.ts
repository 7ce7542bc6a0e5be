import { z } from 'zod';

/** The number of test parameters of one die unless a model's manifest says otherwise. */
export const DEFAULT_PARAMETER_COUNT = 512;

/** Longest accepted id (die, lot, wafer, equipment, file), in Unicode code points. */
export const MAX_ID_LENGTH = 128;

/** Largest magnitude that float32 can hold; above it a value would become infinite. */
export const FLOAT32_MAX = 3.4028234663852886e38;

const idFault = ({ input }: { readonly input?: unknown }) =>
  `expected a string of 1 to ${MAX_ID_LENGTH} characters, found ${describeInput(input)}`;

const IdSchema = z
  .string({ error: idFault })
  .min(1, { error: idFault })
  .max(MAX_ID_LENGTH, { error: idFault });

const coordinateFault = ({ input }: { readonly input?: unknown }) =>
  `expected a whole number from -32767 to 32767, found ${describeInput(input)}`;

// STDF PRR X_COORD and Y_COORD are I2; -32768 is reserved there for "missing".
const CoordinateSchema = z
  .int({ error: coordinateFault })
  .min(-32767, { error: coordinateFault })
  .max(32767, { error: coordinateFault });

/** What names a die and says where it came from; everything of a payload but its measurement. */
export const DieLabelSchema = z.object(
  {
    die_id: IdSchema.describe('Id of the die, unique for the caller, for example "wafer123_die456"'),
    lot_id: IdSchema.nullish().describe('Lot that the wafer belongs to'),
    wafer_id: IdSchema.nullish().describe('Wafer that the die is on; the sticky key of canary assignment'),
    x: CoordinateSchema.nullish().describe('Column of the die on the wafer, STDF X_COORD'),
    y: CoordinateSchema.nullish().describe('Row of the die on the wafer, STDF Y_COORD'),
    equipment_id: IdSchema.nullish().describe('Tester that measured the die'),
    stdf_file: IdSchema.nullish().describe('STDF file that holds the die'),
  },
  {
    error: ({ input }) =>
      `expected a die, an object with die_id and test_params, found ${describeInput(input)}`,
  },
);

export type DieLabel = z.infer<typeof DieLabelSchema>;

/** What a model version accepts as the measurement of one die. */
export interface MeasurementContract {
  /** Number of test parameters, exactly; at least 1. */
  readonly parameterCount: number;
  /** Whether `null` (no value measured) is accepted; it travels as NaN. */
  readonly acceptsMissing: boolean;
  /** The range of each parameter that the model was made for, where its manifest gives any. */
  readonly bounds?: readonly ParameterBounds[];
  /** By what a die may name its values, one for each parameter, where the manifest lists them. */
  readonly parameters?: readonly ParameterKey[];
}

/** What names one test parameter. */
export interface ParameterKey {
  readonly name: string;
  /** STDF TEST_NUM. */
  readonly testNumber?: number | undefined;
}

/** The range of one test parameter, ends included; infinite where there is none. */
export interface ParameterBounds {
  readonly name: string;
  readonly unit: string | undefined;
  readonly minimum: number;
  readonly maximum: number;
}

/** The model and version that a die itself asks to be answered by. */
export const NamedModelSchema = z.object({
  model_name: IdSchema.nullish().describe(
    'Model that is to answer, if not the one that the path names or implies',
  ),
  model_version: IdSchema.nullish().describe(
    'Version that is to answer, if not the one that the path names or implies',
  ),
});

/** What dies say of who is to answer them; undefined where they leave it to the path. */
export interface NamedModel {
  readonly model: string | undefined;
  readonly version: string | undefined;
}

/**
 * The payload of one die for a given contract: the one definition of what is valid.
 * A value is a JSON number that float32 can hold: finite after rounding to float32
 * (1e39 and 1e999 are refused; -0 stays -0; 1e-46 becomes 0).
 */
export function dieSchema({ parameterCount, acceptsMissing }: MeasurementContract) {
  const value = z
    .number({
      error: ({ input }) =>
        typeof input === 'number'
          ? `expected a number that float32 can hold (magnitude up to ${FLOAT32_MAX}), found ${input}`
          : `expected a number, found ${describeInput(input)}`,
    })
    .refine((n) => Number.isFinite(Math.fround(n)), {
      error: ({ input }) =>
        `expected a number that float32 can hold (magnitude up to ${FLOAT32_MAX}), found ${String(input)}`,
    });
  const values = z
    .array(acceptsMissing ? value.nullable() : value, {
      error: ({ input }) => `expected an array of ${parameterCount} numbers, found ${describeInput(input)}`,
    })
    .length(parameterCount, {
      error: ({ input }) =>
        `expected exactly ${parameterCount} test parameters, found ${Array.isArray(input) ? input.length : 'none'}`,
    });
  return DieLabelSchema.extend({
    ...NamedModelSchema.shape,
    test_params: values.describe(
      `Measurement of the die: ${parameterCount} parametric test results in the model's parameter order${
        acceptsMissing ? '; null where no value was measured' : ''
      }`,
    ),
  }).meta({ title: 'Die' });
}

/** One die as a caller posts it. */
export type Die = z.infer<ReturnType<typeof dieSchema>>;

/**
 * Dies on their way to a score: labels and one row-major buffer, so that a batch call costs one
 * buffer and not one for each die. Row i of `params` belongs to `labels[i]`.
 */
export interface Measurements {
  readonly labels: readonly DieLabel[];
  /** float32 [dies, parameters] row-major; NaN is a missing value. */
  readonly params: Float32Array;
  /** Who is to answer, by the dies themselves; undefined where they leave that to the path. */
  readonly named?: NamedModel | undefined;
}

/** What was found, in the words of a refusal; of a large input only its size. */
export function describeInput(input: unknown): string {
  if (input === undefined) return 'nothing';
  if (input === null) return 'null';
  if (Array.isArray(input)) return `an array of ${input.length}`;
  if (typeof input === 'string') return input === '' ? 'an empty string' : describeString(input);
  if (typeof input === 'object') return 'an object';
  return String(input);
}

/** Short strings are quoted, long ones only measured: a refusal must not echo a large input. */
function describeString(input: string): string {
  return input.length > 40 ? `a string of length ${input.length}` : `the string ${JSON.stringify(input)}`;
}
