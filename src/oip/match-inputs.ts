import type { Refusal } from '../errors.js';
import { batchTooLarge, invalidInput } from '../rows/decode/refusals.js';
import { DATATYPE_NAMES, DATATYPES } from './datatypes.js';
import type { OipVersion } from './engine.js';
import { diesInShape, type OipInput, rowInput, shapesText } from './inputs.js';
import type { InferInput } from './schemas.js';

/** An input that was sent, and which of the version's it is. */
export interface MatchedInput {
  /** Its place in the request. */
  readonly index: number;
  readonly given: InferInput;
  readonly input: OipInput;
}

/** The inputs of a request, of one number of dies. */
export interface MatchedInputs {
  readonly dies: number;
  readonly matched: readonly MatchedInput[];
}

/**
 * Finds what was sent among the inputs of a version: each of them once, or all together as one row by the manifest's
 * name for them.
 * @throws Refusal `invalid_input` naming the input and what was expected, or `batch_too_large`
 */
export function matchInputs(
  given: readonly InferInput[],
  version: OipVersion,
  maxDies: number,
): MatchedInputs {
  const matched = given.map((one, index) => ({ index, given: one, input: inputNamed(one, index, version) }));
  assertComplete(matched, version);
  let dies: number | undefined;
  for (const { index, given: one, input } of matched) {
    assertConvertible(one, index, input);
    const found = diesInShape(one.shape, input);
    const shape = `[${one.shape.slice(0, 8).join(', ')}]`;
    if (found === undefined || found === 0)
      throw faulty(`inputs[${index}].shape`, `expected ${shapesText(input)}`, shape);
    dies ??= found;
    if (found !== dies)
      throw faulty(
        `inputs[${index}].shape`,
        `expected ${dies === 1 ? 'one die' : `${dies} dies`} as in inputs[0]`,
        shape,
      );
  }
  if (dies === undefined) throw new Error('a request without inputs was matched');
  if (dies > maxDies) throw batchTooLarge(dies, maxDies);
  return { dies, matched };
}

/** The words of every refusal here: what was expected there, and what was found. */
export function faulty(path: string, expected: string, found: string): Refusal {
  return invalidInput([{ path, message: `${expected}, found ${found}` }]);
}

function inputNamed(
  { name }: InferInput,
  index: number,
  { inputs, rowName, contract }: OipVersion,
): OipInput {
  const input = inputs.find((one) => one.name === name);
  if (input !== undefined) return input;
  if (name === rowName) return rowInput(rowName, contract);
  const known = inputs.map((one) => `"${one.name}"`).join(', ');
  throw faulty(
    `inputs[${index}].name`,
    `expected ${inputs.length === 1 ? '' : 'one of '}${known}`,
    `"${name.slice(0, 80)}"`,
  );
}

/** Every column of the row is filled, and only once. */
function assertComplete(matched: readonly MatchedInput[], { inputs }: OipVersion): void {
  const [first] = matched;
  if (first !== undefined && matched.length === 1 && !inputs.includes(first.input)) return;
  const twice = matched.find(({ input }, i) => matched.findIndex((one) => one.input.name === input.name) < i);
  const sent = new Set(matched.map(({ input }) => input.name));
  const missing = inputs.filter(({ name }) => !sent.has(name));
  if (twice === undefined && missing.length === 0 && matched.length === inputs.length) return;
  const expected = `expected ${inputs.length} input${inputs.length === 1 ? '' : 's'}`;
  const problem =
    twice !== undefined && inputs.length > 1
      ? `"${twice.input.name}" twice`
      : `${matched.length}${missing.length > 0 && matched.length > 0 ? ` without ${described(missing)}` : ''}`;
  throw faulty('inputs', expected, problem);
}

const MOST_DESCRIBED = 8;

function described(inputs: readonly OipInput[]): string {
  const texts = inputs
    .slice(0, MOST_DESCRIBED)
    .map(({ name, datatype, dieShape }) => `"${name}" (${datatype} [${['dies', ...dieShape].join(', ')}])`);
  return `${texts.join(', ')}${inputs.length > MOST_DESCRIBED ? ', ...' : ''}`;
}

/** Text is a category, and a number is one's place; no text is a number. */
function assertConvertible({ datatype }: InferInput, index: number, input: OipInput): void {
  const path = `inputs[${index}].datatype`;
  const found = `the string "${datatype}"`;
  if (input.datatype !== 'BYTES') {
    if (datatype === input.datatype || (datatype !== 'BYTES' && datatype !== 'BOOL')) return;
    const numbers = DATATYPE_NAMES.join(', ');
    throw faulty(
      path,
      `expected ${input.datatype}, or a number type that converts to it (${numbers})`,
      `${found}; numpy: .astype(numpy.float32)`,
    );
  }
  if (datatype === 'BYTES' || 'whole' in DATATYPES[datatype]) return;
  throw faulty(path, 'expected BYTES (the text of a category), or its place as a whole number', found);
}
