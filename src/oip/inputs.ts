import { type CategoryParameter, type MeasurementContract, readsMissing } from '../die/die.js';
import type { ELEMENT_TYPES } from '../models/manifest/element-types.js';
import { inputTensors } from '../models/manifest/input-tensors.js';
import type { Manifest } from '../models/manifest/task-manifests.js';
import type { DatatypeName } from './datatypes.js';

/** The protocol's name of an input's type: a number type, or BYTES for text. */
export type InputDatatype = DatatypeName | 'BYTES';

/** One input of a version as the protocol shows it, and the columns of a die's row that it fills. */
export interface OipInput {
  readonly name: string;
  readonly datatype: InputDatatype;
  /** Sizes after the number of dies. */
  readonly dieShape: readonly number[];
  /** First column. */
  readonly from: number;
  /** Columns: the product of `dieShape`. */
  readonly columns: number;
  /** Its columns that are categories, by their places in the row. */
  readonly categories: ReadonlyMap<number, CategoryParameter>;
  /** Whether a value may be missing: null in JSON, NaN as bytes. */
  readonly acceptsMissing: boolean;
}

const DATATYPE_OF = {
  float32: 'FP32',
  float64: 'FP64',
  int8: 'INT8',
  uint8: 'UINT8',
  int16: 'INT16',
  uint16: 'UINT16',
  int32: 'INT32',
  uint32: 'UINT32',
  int64: 'INT64',
  uint64: 'UINT64',
  bool: 'BOOL',
  string: 'BYTES',
} as const satisfies Record<(typeof ELEMENT_TYPES)[number], InputDatatype>;

/** The inputs of a version, in the order in which a die's row fills them; not those that are fed a constant. */
export function inputsOf(manifest: Pick<Manifest, 'input'>, contract: MeasurementContract): OipInput[] {
  const categories = new Map(contract.categories?.map((category) => [category.index, category]));
  return inputTensors(manifest)
    .filter(({ columns }) => columns > 0)
    .map(({ name, type, shape, from, columns }) => ({
      name,
      datatype: DATATYPE_OF[type],
      dieShape: shape,
      from,
      columns,
      categories: new Map([...categories].filter(([at]) => at >= from && at < from + columns)),
      acceptsMissing: readsMissing(contract),
    }));
}

/** All parameters as one input of FP32, row after row, by the name that the manifest has for all of them together. */
export function rowInput(name: string, contract: MeasurementContract): OipInput {
  const { parameterCount, categories = [] } = contract;
  return {
    name,
    datatype: 'FP32',
    dieShape: [parameterCount],
    from: 0,
    columns: parameterCount,
    categories: new Map(categories.map((category) => [category.index, category])),
    acceptsMissing: readsMissing(contract),
  };
}

/** How the dies of an input stand in the shape that was sent; undefined for a shape that is not the input's. */
export function diesInShape(shape: readonly number[], { dieShape, columns }: OipInput): number | undefined {
  const [first, ...rest] = shape;
  if (first === undefined) return undefined;
  if (isSame(rest, dieShape)) return first;
  if (isSame(shape, dieShape) || isSame(shape, [columns])) return 1;
  if (isSame(rest, [columns]) || (columns === 1 && rest.length === 0)) return first;
  return undefined;
}

/** The shapes that an input may be sent in, in the words of a refusal. */
export function shapesText({ dieShape }: OipInput): string {
  const [many, one] = [['dies', ...dieShape].join(', '), dieShape.join(', ')];
  return dieShape.length === 0
    ? `[${many}] with 1 die or more`
    : `[${many}] with 1 die or more, or [${one}] for one die`;
}

function isSame(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, i) => size === b[i]);
}
