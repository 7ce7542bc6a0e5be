import { z } from 'zod';
import { describeInput } from '../schema-faults.js';

/** The number of test parameters of one die unless a model's manifest says otherwise. */
export const DEFAULT_PARAMETER_COUNT = 512;

/** Longest accepted id (die, lot, wafer, equipment, file), in Unicode code points. */
export const MAX_ID_LENGTH = 128;

/** Largest number of a touchdown. */
const MAX_TOUCHDOWN = 999_999_999;

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

const touchdownFault = ({ input }: { readonly input?: unknown }) =>
  `expected a whole number from 0 to ${MAX_TOUCHDOWN}, found ${describeInput(input)}`;

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
    insertion: IdSchema.nullish().describe(
      'Test step: wafer sort, final test, hot, cold, as the floor names it',
    ),
    touchdown: z
      .int({ error: touchdownFault })
      .min(0, { error: touchdownFault })
      .max(MAX_TOUCHDOWN, { error: touchdownFault })
      .nullish()
      .describe(
        'Number of the touchdown, which tells a die that is tested again from one that is sent again',
      ),
  },
  {
    error: ({ input }) =>
      `expected a die, an object with die_id and test_params, found ${describeInput(input)}`,
  },
);

type DieLabelFields = z.infer<typeof DieLabelSchema>;

/** What every die may say of itself, by field. */
export type DieLabelField = keyof DieLabelFields;

export interface DieLabel extends DieLabelFields {
  /** Labels beside these that its model takes categories from, such as `product`, by their names. */
  readonly others?: Readonly<Record<string, string>> | undefined;
}

/** Whether every die may have a label of this name; all others are a model's own. */
export function isDieLabelField(name: string): name is DieLabelField {
  return Object.hasOwn(DieLabelSchema.shape, name);
}

/** The labels of a die that only its model reads, as they are written in JSON: each an id, or null for none. */
export function otherLabelsSchema(names: readonly string[]) {
  return z.object(
    Object.fromEntries(
      names.map((name) => [name, IdSchema.nullish().describe('A category that the model reads')]),
    ),
  );
}

/** The labels that are said, of those that may be; undefined where there are none. */
export function saidLabels(
  labels: Readonly<Record<string, string | null | undefined>>,
): Readonly<Record<string, string>> | undefined {
  const said = Object.entries(labels).flatMap(([name, value]) =>
    value === undefined || value === null ? [] : [[name, value] as const],
  );
  return said.length === 0 ? undefined : Object.fromEntries(said);
}

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
  /** Its parameters that are no numbers, where there are any. */
  readonly categories?: readonly CategoryParameter[];
  /** Labels beside those of every die that its categories are taken from. */
  readonly otherLabels?: readonly string[];
  /** What its values mean beside being numbers, as one text: dies are read alike where it is the same. */
  readonly kinds?: string;
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
  /** Whether only whole numbers are accepted: the model's input is of whole numbers. */
  readonly whole?: boolean;
}

/** A test parameter that is no number: it travels as the position of its category. */
export interface CategoryParameter {
  /** Position in test_params, from 0. */
  readonly index: number;
  readonly name: string;
  /** Position of each category. */
  readonly positions: ReadonlyMap<string, number>;
  /** The label of the die that says the category where the value is missing. */
  readonly label: string | undefined;
  /** Position of the category of a die whose own is none of them; undefined for a refusal. */
  readonly unknown: number | undefined;
}

/** Whether `null` is read: it is a missing value, or a category that the die's label says. */
export function readsMissing({ acceptsMissing, categories = [] }: MeasurementContract): boolean {
  return acceptsMissing || categories.some(({ label }) => label !== undefined);
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
export function dieSchema(contract: MeasurementContract) {
  const { parameterCount } = contract;
  const acceptsMissing = readsMissing(contract);
  const value = valueSchema(contract);
  const values = z
    .array(acceptsMissing ? value.nullable() : value, {
      error: ({ input }) => `expected an array of ${parameterCount} numbers, found ${describeInput(input)}`,
    })
    .length(parameterCount, {
      error: ({ input }) =>
        `expected exactly ${parameterCount} test ${parameterCount === 1 ? 'parameter' : 'parameters'}, found ${Array.isArray(input) ? input.length : 'none'}`,
    });
  return DieLabelSchema.extend({
    ...NamedModelSchema.shape,
    test_params: withCategories(values, contract).describe(
      `Measurement of the die: ${parameterCount} parametric test results in the model's parameter order${
        acceptsMissing ? '; null where no value was measured' : ''
      }${categoriesText(contract)}`,
    ),
  });
}

/** One value: a number, or, of a contract with categories, a text too. */
function valueSchema({ categories }: MeasurementContract): z.ZodType<number | string> {
  const number = z
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
  if (categories === undefined) return number;
  return z.union([number, z.string()], {
    error: ({ input }) => `expected a number or a category, found ${describeInput(input)}`,
  });
}

/** Refuses texts that are no category of the parameter that they stand for. */
function withCategories<T extends z.ZodType<(number | string | null)[]>>(
  values: T,
  { categories }: MeasurementContract,
): T {
  if (categories === undefined) return values;
  const byIndex = new Map(categories.map((category) => [category.index, category]));
  return values.superRefine((given, context) => {
    given.forEach((value, index) => {
      if (typeof value !== 'string') return;
      const category = byIndex.get(index);
      if (category?.positions.has(value) || category?.unknown !== undefined) return;
      const message =
        category === undefined
          ? `expected a number, found ${describeInput(value)}`
          : `${category.name}: expected ${knownCategories(category)}, found ${describeInput(value)}`;
      context.addIssue({ code: 'custom', path: [index], message });
    });
  });
}

const MOST_NAMED = 12;

/** The categories of a parameter, in the words of a refusal. */
export function knownCategories({ positions }: CategoryParameter): string {
  const names = [...positions.keys()];
  const more = names.length > MOST_NAMED ? ` or ${names.length - MOST_NAMED} more` : '';
  return `one of ${names.slice(0, MOST_NAMED).join(', ')}${more}`;
}

function categoriesText({ categories = [] }: MeasurementContract): string {
  return categories
    .map((category) => {
      const { index, name, label } = category;
      const from = label === undefined ? '' : `; null for what ${label} says`;
      return `. Value ${index} (${name}) is a category, as text or as its position from 0: ${knownCategories(category)}${from}`;
    })
    .join('');
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
