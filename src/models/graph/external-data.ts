import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { Fault } from '../../errors.js';
import { type ModelProto, type TensorProto, TensorProto_DataLocation } from './onnx-messages.js';
import { tensorsOf } from './walk.js';

/** Where the values of a tensor lie that are not in the ONNX file itself. */
interface ExternalTensor {
  readonly tensor: string;
  /** Path of the file, relative to the ONNX file's folder, as the model says it. */
  readonly location: string;
  /** First byte; undefined for 0. */
  readonly offset: number | undefined;
  /** Bytes; undefined for all to the end of the file. */
  readonly length: number | undefined;
}

type Message = 'model' | 'graph' | 'function' | 'node' | 'attribute' | 'sparse' | 'tensor';

/** Which fields of which message lead to a tensor. */
const WAYS: Readonly<Record<Message, Readonly<Record<number, Message>>>> = {
  model: { 7: 'graph', 25: 'function' },
  graph: { 1: 'node', 5: 'tensor', 15: 'sparse' },
  function: { 7: 'node', 11: 'attribute' },
  node: { 5: 'attribute' },
  attribute: { 5: 'tensor', 6: 'graph', 10: 'tensor', 11: 'graph', 22: 'sparse', 23: 'sparse' },
  sparse: { 1: 'tensor', 2: 'tensor' },
  tensor: {},
};

const MOST_NESTED = 100;

/**
 * The tensors of an ONNX file whose values lie in other files. Only what leads to tensors is read and no
 * value is copied: 1 ms for a file of 100 MB.
 * @throws Fault `invalid_model` with one line, the end of a sentence that begins with the file's name
 */
export function externalTensors(bytes: Uint8Array): ExternalTensor[] {
  const found: ExternalTensor[] = [];
  try {
    scan('model', bytes, 0, found);
  } catch (error) {
    throw new Fault('invalid_model', ['is no ONNX model: its bytes are no protobuf, or end early'], error);
  }
  return found;
}

/**
 * The files that an ONNX file needs beside it, each once, in the order of their names.
 * @throws Fault `invalid_model` for what is no ONNX file, or names a file outside of its own folder
 */
export function externalFiles(bytes: Uint8Array): string[] {
  const tensors = externalTensors(bytes);
  const outside = tensors.filter(({ location }) => !isWithinFolder(location));
  if (outside.length > 0) {
    throw new Fault(
      'invalid_model',
      outside
        .slice(0, 10)
        .map(
          ({ tensor, location }) =>
            `says that tensor "${tensor}" lies in "${location.slice(0, 200)}", expected a file beside it: save it again with location='model.onnx.data'`,
        ),
    );
  }
  return [...new Set(tensors.map(({ location }) => location))].sort();
}

/**
 * Puts the values of external tensors into the model itself, which it changes.
 * @param read the bytes of a file by its location
 * @returns the names of the tensors
 * @throws Fault `invalid_model` with one line for each tensor that lies beyond the end of its file
 */
export function inlineExternalData(model: ModelProto, read: (location: string) => Uint8Array): string[] {
  const inlined: string[] = [];
  const problems: string[] = [];
  for (const tensor of tensorsOf(model)) {
    if (tensor.dataLocation !== TensorProto_DataLocation.EXTERNAL) continue;
    const { location, offset = 0, length } = externalOf(tensor);
    const file = read(location);
    const end = length === undefined ? file.length : offset + length;
    if (end > file.length) {
      problems.push(
        `says that tensor "${tensor.name}" lies in "${location}" up to byte ${end}, which has only ${file.length}`,
      );
      continue;
    }
    tensor.rawData = file.subarray(offset, end);
    tensor.dataLocation = TensorProto_DataLocation.DEFAULT;
    tensor.externalData = [];
    inlined.push(tensor.name);
  }
  if (problems.length > 0) throw new Fault('invalid_model', problems);
  return inlined;
}

/** A relative path that stays below its folder: no "..", no drive, no address in memory (ONNX Runtime's own). */
function isWithinFolder(location: string): boolean {
  const parts = location.split('/');
  return (
    location.length > 0 &&
    location.length <= 1024 &&
    !/[\\:*\0]/.test(location) &&
    parts.every((part) => part !== '' && part !== '.' && part !== '..')
  );
}

function scan(message: Message, bytes: Uint8Array, depth: number, found: ExternalTensor[]): void {
  if (depth > MOST_NESTED) throw new RangeError(`nested more than ${MOST_NESTED} deep`);
  if (message === 'tensor') {
    const tensor = scanTensor(bytes);
    if (tensor !== undefined) found.push(tensor);
    return;
  }
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    const inner = WAYS[message][field];
    if (inner === undefined || type !== WireType.LengthDelimited) reader.skip(type, field);
    else scan(inner, reader.bytes(), depth + 1, found);
  }
}

function scanTensor(bytes: Uint8Array): ExternalTensor | undefined {
  const reader = new BinaryReader(bytes);
  const entries: [string, string][] = [];
  let name = '';
  let isExternal = false;
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field === 8 && type === WireType.LengthDelimited) name = reader.string();
    else if (field === 13 && type === WireType.LengthDelimited) entries.push(scanEntry(reader.bytes()));
    else if (field === 14 && type === WireType.Varint)
      isExternal = reader.int32() === TensorProto_DataLocation.EXTERNAL;
    else reader.skip(type, field);
  }
  return isExternal ? externalEntries(name, entries) : undefined;
}

function scanEntry(bytes: Uint8Array): [key: string, value: string] {
  const reader = new BinaryReader(bytes);
  const entry: [string, string] = ['', ''];
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if ((field === 1 || field === 2) && type === WireType.LengthDelimited) entry[field - 1] = reader.string();
    else reader.skip(type, field);
  }
  return entry;
}

function externalOf(tensor: TensorProto): ExternalTensor {
  return externalEntries(
    tensor.name,
    tensor.externalData.map(({ key, value }) => [key, value]),
  );
}

function externalEntries(tensor: string, entries: readonly [string, string][]): ExternalTensor {
  const values = new Map(entries);
  const number = (key: string) => {
    const text = values.get(key);
    return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
  };
  return {
    tensor,
    location: values.get('location') ?? '',
    offset: number('offset'),
    length: number('length'),
  };
}
