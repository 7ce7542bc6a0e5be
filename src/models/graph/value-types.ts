import {
  type GraphProto,
  TensorProto_DataType,
  type TypeProto,
  type ValueInfoProto,
} from './onnx-messages.js';

/** A dimension: its size, a symbol's name, or "" where the graph does not say. */
type Dimension = number | string;

/** The type of an input or output of a graph, as ONNX Runtime calls its element types ("float32"). */
type ValueType =
  | { readonly kind: 'tensor'; readonly element: string; readonly shape: readonly Dimension[] | undefined }
  | { readonly kind: 'sequence'; readonly of: ValueType }
  | { readonly kind: 'optional'; readonly of: ValueType }
  | { readonly kind: 'map'; readonly key: string; readonly of: ValueType }
  | { readonly kind: 'unknown' };

/** An input or output of a graph. */
interface GraphValue {
  readonly name: string;
  readonly type: ValueType;
}

/** What a graph must be fed: its inputs without those that an initializer has a value for. */
export function graphInputs({ input, initializer }: GraphProto): GraphValue[] {
  const given = new Set(initializer.map(({ name }) => name));
  return input.filter(({ name }) => !given.has(name)).map(graphValue);
}

export function graphOutputs({ output }: GraphProto): GraphValue[] {
  return output.map(graphValue);
}

function graphValue({ name, type }: ValueInfoProto): GraphValue {
  return { name, type: valueType(type) };
}

/** The type of a value as a plain value. */
function valueType(type: TypeProto | undefined): ValueType {
  switch (type?.value.case) {
    case 'tensorType':
    case 'sparseTensorType': {
      const { elemType, shape } = type.value.value;
      return { kind: 'tensor', element: elementName(elemType), shape: shape?.dim.map(dimensionOf) };
    }
    case 'sequenceType':
      return { kind: 'sequence', of: valueType(type.value.value.elemType) };
    case 'optionalType':
      return { kind: 'optional', of: valueType(type.value.value.elemType) };
    case 'mapType': {
      const { keyType, valueType: of } = type.value.value;
      return { kind: 'map', key: elementName(keyType), of: valueType(of) };
    }
    default:
      return { kind: 'unknown' };
  }
}

/** A type as people write it: "float32 [N, 4]", "sequence of map from int64 to float32". */
export function valueTypeText(type: ValueType): string {
  switch (type.kind) {
    case 'tensor':
      return `${type.element} ${type.shape === undefined ? 'of any shape' : `[${type.shape.map((d) => (d === '' ? '?' : d)).join(', ')}]`}`;
    case 'map':
      return `map from ${type.key} to ${type.of.kind === 'tensor' && !type.of.shape?.length ? type.of.element : valueTypeText(type.of)}`;
    case 'unknown':
      return 'of unknown type';
    default:
      return `${type.kind} of ${valueTypeText(type.of)}`;
  }
}

type DimensionProto = NonNullable<
  Extract<TypeProto['value'], { case: 'tensorType' }>['value']['shape']
>['dim'][number];

function dimensionOf({ value }: DimensionProto): Dimension {
  if (value.case === 'dimParam') return value.value;
  // Some exporters write 0 or -1 for a size that is open.
  return value.case === 'dimValue' && value.value > 0n ? Number(value.value) : '';
}

const ELEMENT_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(TensorProto_DataType).map(([name, number]) => [
    number,
    { FLOAT: 'float32', DOUBLE: 'float64' }[name] ?? name.toLowerCase(),
  ]),
);

/** ONNX Runtime's name of an element type, by its number in ONNX. */
function elementName(dataType: number): string {
  return ELEMENT_NAMES.get(dataType) ?? `type ${dataType}`;
}
