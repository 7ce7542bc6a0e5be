import { faulty } from '../../../oip/match-inputs.js';
import type {
  InferTensorContents,
  ModelInferRequest_InferInputTensor as InputTensor,
} from '../messages/inference-messages.js';

/** The fields of typed contents. */
type ContentsField = Exclude<keyof InferTensorContents, `$${string}`>;

const FIELD_NAMES: Readonly<Record<ContentsField, string>> = {
  boolContents: 'bool_contents',
  intContents: 'int_contents',
  int64Contents: 'int64_contents',
  uintContents: 'uint_contents',
  uint64Contents: 'uint64_contents',
  fp32Contents: 'fp32_contents',
  fp64Contents: 'fp64_contents',
  bytesContents: 'bytes_contents',
};

const FIELDS = Object.keys(FIELD_NAMES).filter((name): name is ContentsField => name in FIELD_NAMES);

/** In which field the values of a datatype are. Those of FP16 and BF16 are sent raw only. */
const FIELD_OF: Readonly<Record<string, ContentsField>> = {
  BOOL: 'boolContents',
  INT8: 'intContents',
  INT16: 'intContents',
  INT32: 'intContents',
  INT64: 'int64Contents',
  UINT8: 'uintContents',
  UINT16: 'uintContents',
  UINT32: 'uintContents',
  UINT64: 'uint64Contents',
  FP32: 'fp32Contents',
  FP64: 'fp64Contents',
  BYTES: 'bytesContents',
};

/**
 * The typed values of an input as the bytes that `raw_input_contents` would have: little-endian, texts each behind their
 * length.
 * @param i place of the input
 * @throws Refusal `invalid_input` where they are in the field of another datatype, or none of its values
 */
export function contentsBytes(
  input: InputTensor,
  i: number,
): { readonly bytes: Buffer; readonly path: string } {
  const { datatype, contents } = input;
  const field = FIELD_OF[datatype];
  const base = `inputs[${i}].contents`;
  const filled = contents === undefined ? [] : FIELDS.filter((name) => contents[name].length > 0);
  const path = field === undefined ? base : `${base}.${FIELD_NAMES[field]}`;
  // Of a datatype that is none the schema speaks.
  if (contents === undefined || (field === undefined && filled.length === 0))
    return { bytes: Buffer.alloc(0), path };
  const other = filled.find((name) => name !== field);
  if (other !== undefined && (field !== undefined || datatype === 'FP16' || datatype === 'BF16')) {
    const expected = field === undefined ? 'raw_input_contents' : FIELD_NAMES[field];
    throw faulty(base, `expected ${expected} for ${datatype}`, FIELD_NAMES[other]);
  }
  return { bytes: written(contents, datatype, path), path };
}

function written(contents: InferTensorContents, datatype: string, path: string): Buffer {
  switch (datatype) {
    case 'BOOL':
      return Buffer.from(contents.boolContents.map(Number));
    case 'INT8':
      return whole(Int8Array, contents.intContents, datatype, path);
    case 'INT16':
      return whole(Int16Array, contents.intContents, datatype, path);
    case 'INT32':
      return bytesOf(Int32Array.from(contents.intContents));
    case 'INT64':
      return bytesOf(BigInt64Array.from(contents.int64Contents));
    case 'UINT8':
      return whole(Uint8Array, contents.uintContents, datatype, path);
    case 'UINT16':
      return whole(Uint16Array, contents.uintContents, datatype, path);
    case 'UINT32':
      return bytesOf(Uint32Array.from(contents.uintContents));
    case 'UINT64':
      return bytesOf(BigUint64Array.from(contents.uint64Contents));
    case 'FP32':
      return bytesOf(Float32Array.from(contents.fp32Contents));
    case 'FP64':
      return bytesOf(Float64Array.from(contents.fp64Contents));
    case 'BYTES':
      return Buffer.concat(contents.bytesContents.flatMap((text) => [lengthOf(text), text]));
    default:
      return Buffer.alloc(0);
  }
}

function bytesOf({ buffer }: { readonly buffer: ArrayBuffer }): Buffer {
  return Buffer.from(buffer);
}

/** Whole numbers of fewer bits than the field that they come in. */
function whole(
  type: { from(values: number[]): ArrayLike<number> & { readonly buffer: ArrayBuffer } },
  values: number[],
  datatype: string,
  path: string,
): Buffer {
  const array = type.from(values);
  const at = values.findIndex((value, i) => value !== array[i]);
  if (at !== -1) throw faulty(`${path}[${at}]`, `expected a value of ${datatype}`, `${values[at]}`);
  return bytesOf(array);
}

function lengthOf(text: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(text.length);
  return length;
}
