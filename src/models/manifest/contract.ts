import { categoriesOf } from '../../die/categories.js';
import {
  type CategoryParameter,
  isDieLabelField,
  type MeasurementContract,
  type ParameterBounds,
} from '../../die/die.js';
import type { Parameter } from './input-schema.js';
import { type FeedTensor, inputTensors } from './input-tensors.js';
import { parameterCount } from './parameter-count.js';
import type { Manifest } from './task-manifests.js';

// A row is float32, which holds every whole number up to 2^24; the one after it would arrive as another.
const MOST_EXACT = 2 ** 24 - 1;

/** The whole numbers that an input of a type takes, as far as float32 can bring them. */
const WHOLE: Readonly<Record<string, readonly [minimum: number, maximum: number]>> = {
  int8: [-128, 127],
  uint8: [0, 255],
  int16: [-32_768, 32_767],
  uint16: [0, 65_535],
  int32: [-MOST_EXACT, MOST_EXACT],
  uint32: [0, MOST_EXACT],
  int64: [-MOST_EXACT, MOST_EXACT],
  uint64: [0, MOST_EXACT],
  bool: [0, 1],
};

/** What a version accepts as the measurement of a die. */
export function contractOf(manifest: Manifest): MeasurementContract {
  const { missing, parameters } = manifest.input;
  const bounds = boundsOf(manifest);
  const categories = typeof parameters === 'number' ? [] : categoriesOf(parameters);
  const otherLabels = otherLabelsOf(categories);
  const kinds = kindsOf(bounds, categories);
  return {
    parameterCount: parameterCount(manifest),
    acceptsMissing: missing === 'impute',
    ...(typeof parameters !== 'number' && {
      parameters: parameters.map(({ name, testNumber }) => ({ name, testNumber })),
    }),
    ...(bounds !== undefined && { bounds }),
    ...(categories.length > 0 && { categories }),
    ...(otherLabels.length > 0 && { otherLabels }),
    ...(kinds !== '' && { kinds }),
  };
}

/** The bounds of every parameter, by the manifest and by what its input can hold; undefined where none has any. */
function boundsOf(manifest: Manifest): ParameterBounds[] | undefined {
  const { parameters } = manifest.input;
  const listed = typeof parameters === 'number' ? [] : parameters;
  const tensors = inputTensors(manifest);
  const limited =
    listed.some(({ minimum, maximum }) => minimum !== undefined || maximum !== undefined) ||
    tensors.some(({ type, columns }) => columns > 0 && type in WHOLE);
  if (!limited) return undefined;
  return tensors.flatMap((tensor) =>
    Array.from({ length: tensor.columns }, (_, i) =>
      boundOf(listed[tensor.from + i], tensor.from + i, tensor),
    ),
  );
}

function boundOf(parameter: Parameter | undefined, index: number, { type }: FeedTensor): ParameterBounds {
  const { name = `parameter ${index}`, unit, minimum, maximum } = parameter ?? {};
  const range = WHOLE[type];
  const [least, most] = range ?? [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  return {
    name,
    unit,
    minimum: Math.max(minimum ?? least, least),
    maximum: Math.min(maximum ?? most, most),
    ...(range !== undefined && { whole: true }),
  };
}

/** Labels that are not of every die, each once. */
function otherLabelsOf(categories: readonly CategoryParameter[]): string[] {
  const labels = categories.flatMap(({ label }) => (label === undefined ? [] : [label]));
  return [...new Set(labels)].filter((label) => !isDieLabelField(label));
}

function kindsOf(bounds: readonly ParameterBounds[] = [], categories: readonly CategoryParameter[]): string {
  const whole = bounds.flatMap(({ whole }, i) => (whole === true ? [i] : []));
  const named = categories.map(({ index, positions, label }) => [index, label, [...positions.keys()]]);
  return whole.length + named.length === 0 ? '' : JSON.stringify([whole, named]);
}
