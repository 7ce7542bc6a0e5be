import type { GraphHints } from '../../models/graph/hints.js';
import { ELEMENT_TYPES } from '../../models/manifest/element-types.js';
import { NO_FLOAT16, shapeText, type TensorInfo } from '../../models/manifest/graph.js';
import { InputTensorSchema } from '../../models/manifest/input-schema.js';
import { type FeedTensor, inputTensors, sizeOf } from '../../models/manifest/input-tensors.js';

/** The manifest's `input` as far as a graph can tell it. */
export interface InputDraft {
  readonly input: Readonly<Record<string, unknown>>;
  readonly tensors: readonly FeedTensor[];
  readonly parameters: number;
  /** In plain sentences: what is to be filled in or looked at. */
  readonly notes: readonly string[];
}

/** What an input was found to be: its type, and its sizes after the batch. */
interface Sized {
  readonly name: string;
  readonly type: string;
  readonly shape: readonly number[];
  readonly constant?: number | string;
}

// Above it a batch of 64 dies is tens of megabytes.
const LARGE_ROW = 16_384;

/**
 * Drafts the inputs of a manifest.
 * @param asked number of parameters, where the graph does not say it
 * @param decides whether the output that decides needs an input
 * @returns one line for each reason why the inputs cannot be fed
 */
export function draftInput(
  inputs: readonly TensorInfo[],
  asked: number | undefined,
  hints: GraphHints | undefined,
  decides: (input: string) => boolean,
): InputDraft | string[] {
  if (inputs.length === 0) return ['the graph has no input, expected one or more: [N, parameters]'];
  const unknown = inputs.filter(({ type }) => !ELEMENT_TYPES.some((known) => known === type));
  if (unknown.length > 0) return unknown.map(typeProblem);
  const sized = inputs.map((input) => sizedInput(input, asked, inputs.length, hints, decides(input.name)));
  const problems = sized.filter((one) => typeof one === 'string');
  if (problems.length > 0) return problems;
  const tensors = sized.filter((one) => typeof one !== 'string');
  const [only] = tensors;
  return tensors.length === 1 && only !== undefined && only.type !== 'string'
    ? oneInput(only, inputs)
    : severalInputs(tensors, inputs, hints);
}

function typeProblem({ name, type }: TensorInfo): string {
  if (type === 'float16') return `input "${name}" ${NO_FLOAT16}`;
  if (type === 'other') return `input "${name}" is no tensor, expected numbers or strings [N, parameters]`;
  return `input "${name}" is ${type}, expected one of ${ELEMENT_TYPES.join(', ')}`;
}

function sizedInput(
  { name, type, shape }: TensorInfo,
  asked: number | undefined,
  inputs: number,
  hints: GraphHints | undefined,
  decides: boolean,
): Sized | string {
  if (shape.length === 0)
    return `input "${name}" has no dimensions, expected the batch first: [N, parameters]`;
  const rest = shape.slice(1);
  const open = rest.flatMap((size, i) => (typeof size === 'string' ? [i] : []));
  const known = sizeOf(rest.filter((size) => typeof size === 'number'));
  const { exactly, atLeast } = hints?.width(name) ?? {};
  const total = inputs === 1 ? (asked ?? exactly) : exactly;
  const constant = decides ? {} : { constant: type === 'string' ? '' : 0 };
  if (inputs === 1 && asked !== undefined) {
    const most = open.length === 0 ? known : (exactly ?? asked);
    if (asked !== most)
      return `input "${name}" reads ${most} parameters (${open.length === 0 ? `shape ${shapeText(shape)}` : 'by its weights'}), --parameters says ${asked}`;
    if (atLeast !== undefined && asked < atLeast)
      return `input "${name}" reads at least ${atLeast} parameters (by its trees), --parameters says ${asked}`;
  }
  if (open.length === 0) return { name, type, shape: rest.map(Number), ...constant };
  if (open.length === 1 && total !== undefined && total % known === 0)
    return {
      name,
      type,
      shape: rest.map((size) => (typeof size === 'number' ? size : total / known)),
      ...constant,
    };
  const least = atLeast === undefined ? '' : ` (its trees read at least ${atLeast})`;
  return `input "${name}" has shape ${shapeText(shape)}, which does not say how many parameters it reads${least}: say it with --parameters`;
}

function oneInput({ name, type, shape }: Sized, inputs: readonly TensorInfo[]): InputDraft {
  const parameters = sizeOf(shape);
  const isFlat = shape.length === 1;
  const input = {
    name,
    ...(type !== 'float32' && { type }),
    ...(!isFlat && { shape }),
    parameters,
    missing: 'reject',
  };
  return {
    input,
    tensors: inputTensors({
      input: { name, type: elementType(type), shape: [...shape], parameters, missing: 'reject' },
    }),
    parameters,
    notes: [
      `input.parameters: the count ${parameters}${isFlat ? '' : ` of ${shapeText(shape)}, row-major`}; give the list of names, units, limits and STDF test numbers instead, in the order of the input, if decisions are to be explained or lots to be replayed`,
      ...notesOf(type, name, inputs),
      ...(parameters > LARGE_ROW ? LARGE_NOTES : []),
    ],
  };
}

const LARGE_NOTES = [
  'batching.maxBatchSize: 8 and maxQueueSize: 64, as a die is large: raise them by what memory allows',
];

/** The manifest's batching, where rows are so large that the defaults would fill the memory. */
export function draftBatching(parameters: number): Readonly<Record<string, unknown>> {
  return parameters > LARGE_ROW ? { batching: { maxBatchSize: 8, maxQueueSize: 64 } } : {};
}

function severalInputs(
  sized: readonly Sized[],
  inputs: readonly TensorInfo[],
  hints: GraphHints | undefined,
): InputDraft {
  const tensors = sized.map(({ name, type, shape, constant }) => ({
    name,
    ...(type !== 'float32' && { type }),
    shape,
    ...(constant !== undefined && { constant }),
  }));
  const fed = sized.filter(({ constant }) => constant === undefined);
  const notes: string[] = [];
  const parameters = fed.flatMap(({ name, type, shape }) => {
    const count = sizeOf(shape);
    return Array.from({ length: count }, (_, i) => {
      const own = count === 1 ? name : `${name}_${i + 1}`;
      if (type !== 'string') return { name: own };
      const categories = hints?.categories(name) ?? null;
      if (categories === null)
        notes.push(`input.parameters, "${own}": the categories (texts) that the graph knows`);
      const label = labelFor(name);
      return { name: own, categories, ...(label !== undefined && { label }) };
    });
  });
  const constants = sized.filter(({ constant }) => constant !== undefined).map(({ name }) => `"${name}"`);
  const whole = InputTensorSchema.array().parse(tensors);
  return {
    input: { name: 'row', tensors, parameters, missing: 'reject' },
    tensors: inputTensors({
      input: {
        name: 'row',
        tensors: whole,
        parameters: parameters.map(({ name, ...rest }) => ({
          name,
          ...('categories' in rest && { categories: [...(rest.categories ?? [''])] }),
        })),
        missing: 'reject',
      },
    }),
    parameters: parameters.length,
    notes: [
      `input.tensors: the graph has ${inputs.length} inputs; test_params holds their values in this order: ${parameters
        .map(({ name }) => name)
        .slice(0, 20)
        .join(', ')}${parameters.length > 20 ? ', ...' : ''}`,
      ...(constants.length === 0
        ? []
        : [`${constants.join(', ')}: the output that decides does not need it; it is fed a constant`]),
      ...notes,
      ...fed.flatMap(({ name, type }) => notesOf(type, name, inputs)),
    ],
  };
}

/** What is lost on the way of a value, which is float32 until it is fed. */
function notesOf(type: string, name: string, inputs: readonly TensorInfo[]): string[] {
  const first = inputs.find((input) => input.name === name)?.shape[0];
  return [
    ...(type === 'float64'
      ? [`input "${name}" is float64: values come as float32, with seven digits, and are converted`]
      : []),
    ...(/int|bool/.test(type)
      ? [
          `input "${name}" is ${type}: a value that is no whole number, or that float32 cannot bring exactly, is refused`,
        ]
      : []),
    ...(typeof first === 'number'
      ? [
          `input "${name}" has a fixed batch of ${first}: dies are run ${first === 1 ? 'one at a time' : `${first} at a time, padded`}; \`diegate check --fix\` opens it where the graph takes more, or export with dynamic_axes or dynamic_shapes (PyTorch)`,
        ]
      : []),
  ];
}

function labelFor(name: string): string | undefined {
  if (/equip|tester/i.test(name)) return 'equipment_id';
  if (/wafer/i.test(name)) return 'wafer_id';
  return /(^|_)lot/i.test(name) ? 'lot_id' : undefined;
}

function elementType(type: string) {
  return ELEMENT_TYPES.find((known) => known === type) ?? 'float32';
}
