import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { OipVersion } from '../../../oip/engine.js';
import { type RequestedOutput, unaskedOutputs } from '../../../oip/infer-request.js';
import {
  answeringVersion,
  type InferOutput,
  type InferResults,
  type OutputValues,
  tensorBytes,
} from '../../../oip/outputs.js';

/** What a response says beside its outputs. */
export interface ResponseHead {
  /** Name of the model. */
  readonly model: string;
  /** The request's own id; empty for none. */
  readonly id: string;
  /** Whether values are in `contents`, and not as bytes. */
  readonly isTyped: boolean;
}

/** Writes answers; keeps what the answers to single dies have in common. */
export class ResponseEncoder {
  /** By version: the outputs that a request gets which names none, and how they are described for one die. */
  readonly #unasked = new WeakMap<OipVersion, UnaskedOutputs>();

  /** The outputs that a request gets which names none. */
  unasked(version: OipVersion): readonly RequestedOutput[] {
    return this.#unaskedOf(version).outputs;
  }

  /** A ModelInferResponse, in the order of its fields. */
  encode(
    { model, id, isTyped }: ResponseHead,
    version: OipVersion,
    outputs: readonly RequestedOutput[],
    results: InferResults,
  ): Uint8Array {
    const dies = results.predictions.length;
    const answering = answeringVersion(results);
    const values = outputs.map(({ output }) => output.values(results));
    const isFallback = results.predictions.some(({ fallback }) => fallback);
    const unasked = this.#unaskedOf(version);
    if (outputs === unasked.outputs && dies === 1 && !isTyped && !isFallback)
      return plainResponse(unasked.headOf(model, answering), id, unasked.ofOneDie, values);
    const writer = new BinaryWriter();
    writeHead(writer, model, answering);
    if (id !== '') text(writer, 3, id);
    if (isFallback) fallbackParameter(writer);
    describe(writer, outputs, dies, isTyped ? values : undefined);
    if (!isTyped) for (const one of values) writer.tag(6, WireType.LengthDelimited).bytes(tensorBytes(one));
    return writer.finish();
  }

  #unaskedOf(version: OipVersion): UnaskedOutputs {
    let found = this.#unasked.get(version);
    if (found === undefined) {
      const outputs = unaskedOutputs(version, true);
      const writer = new BinaryWriter();
      describe(writer, outputs, 1, undefined);
      found = { outputs, ofOneDie: writer.finish(), headOf: createHeads() };
      this.#unasked.set(version, found);
    }
    return found;
  }
}

interface UnaskedOutputs {
  readonly outputs: readonly RequestedOutput[];
  /** Their fields of the response, without values. */
  readonly ofOneDie: Uint8Array;
  /** The fields that say which version of which model has answered. */
  readonly headOf: (model: string, answering: string | undefined) => Uint8Array;
}

/** Heads as they were written last: nearly all answers have the same one. */
function createHeads(): UnaskedOutputs['headOf'] {
  let last:
    | { readonly model: string; readonly answering: string | undefined; readonly bytes: Uint8Array }
    | undefined;
  return (model, answering) => {
    if (last?.model !== model || last.answering !== answering) {
      const writer = new BinaryWriter();
      writeHead(writer, model, answering);
      last = { model, answering, bytes: writer.finish() };
    }
    return last.bytes;
  };
}

function writeHead(writer: BinaryWriter, model: string, answering: string | undefined): void {
  text(writer, 1, model);
  if (answering !== undefined) text(writer, 2, answering);
}

const ID_TAG = (3 << 3) | WireType.LengthDelimited;
const RESPONSE_TAG = (2 << 3) | WireType.LengthDelimited;
const RAW_TAG = (6 << 3) | WireType.LengthDelimited;

/** The answer to one die, as bytes, written into memory of its very size: a writer of fields takes three times as long. */
function plainResponse(
  head: Uint8Array,
  id: string,
  described: Uint8Array,
  values: readonly OutputValues[],
): Buffer {
  const idBytes = Buffer.byteLength(id);
  const sizes = values.map(bytesOfValues);
  const fields = sizes.reduce(
    (sum, size) => sum + sizeOfField(size),
    idBytes === 0 ? 0 : sizeOfField(idBytes),
  );
  const bytes = Buffer.allocUnsafe(head.length + fields + described.length);
  bytes.set(head);
  let at = head.length;
  if (idBytes > 0) {
    at = writeLength(bytes, at, ID_TAG, idBytes);
    at += bytes.write(id, at);
  }
  bytes.set(described, at);
  at += described.length;
  values.forEach((one, i) => {
    at = writeLength(bytes, at, RAW_TAG, sizes[i] ?? 0);
    at = writeValues(bytes, at, one);
  });
  return bytes;
}

function bytesOfValues(values: OutputValues): number {
  if (values instanceof Float32Array) return values.byteLength;
  return values.reduce((sum, one) => sum + 4 + Buffer.byteLength(one), 0);
}

function writeValues(bytes: Buffer, from: number, values: OutputValues): number {
  let at = from;
  if (values instanceof Float32Array) for (const value of values) at = bytes.writeFloatLE(value, at);
  else {
    for (const value of values) {
      const length = bytes.write(value, at + 4);
      bytes.writeUInt32LE(length, at);
      at += 4 + length;
    }
  }
  return at;
}

/** Bytes of a field: its tag, the length of what it holds, and that. */
function sizeOfField(bytes: number): number {
  let lengthBytes = 1;
  for (let rest = bytes; rest > 0x7f; rest >>>= 7) lengthBytes++;
  return 1 + lengthBytes + bytes;
}

function writeLength(bytes: Buffer, from: number, tag: number, length: number): number {
  let at = from;
  bytes[at++] = tag;
  let rest = length;
  for (; rest > 0x7f; rest >>>= 7) bytes[at++] = (rest & 0x7f) | 0x80;
  bytes[at++] = rest;
  return at;
}

function describe(
  writer: BinaryWriter,
  outputs: readonly RequestedOutput[],
  dies: number,
  values: readonly OutputValues[] | undefined,
): void {
  outputs.forEach(({ output }, i) => {
    writer.tag(5, WireType.LengthDelimited).fork();
    tensor(writer, output, dies, values?.[i]);
    writer.join();
  });
}

/** A ModelStreamInferResponse around a ModelInferResponse. */
export function encodeStreamResponse(response: Uint8Array): Uint8Array {
  const bytes = Buffer.allocUnsafe(sizeOfField(response.length));
  bytes.set(response, writeLength(bytes, 0, RESPONSE_TAG, response.length));
  return bytes;
}

/** A ModelStreamInferResponse of a die that was refused: the words, and which request it was. */
export function encodeStreamError(
  message: string,
  { model, id }: Pick<ResponseHead, 'model' | 'id'>,
): Uint8Array {
  const writer = new BinaryWriter();
  text(writer, 1, message);
  writer.tag(2, WireType.LengthDelimited).fork();
  text(writer, 1, model);
  if (id !== '') text(writer, 3, id);
  return writer.join().finish();
}

function text(writer: BinaryWriter, field: number, value: string): void {
  writer.tag(field, WireType.LengthDelimited).string(value);
}

/** parameters["fallback"].bool_param = true */
function fallbackParameter(writer: BinaryWriter): void {
  writer.tag(4, WireType.LengthDelimited).fork();
  text(writer, 1, 'fallback');
  writer.tag(2, WireType.LengthDelimited).fork().tag(1, WireType.Varint).bool(true).join();
  writer.join();
}

function tensor(
  writer: BinaryWriter,
  { name, datatype, dieShape }: InferOutput,
  dies: number,
  values: OutputValues | undefined,
): void {
  text(writer, 1, name);
  text(writer, 2, datatype);
  writer.tag(3, WireType.LengthDelimited).fork().uint32(dies);
  for (const size of dieShape) writer.uint32(size);
  writer.join();
  if (values === undefined) return;
  writer.tag(5, WireType.LengthDelimited).fork();
  if (values instanceof Float32Array) writer.tag(6, WireType.LengthDelimited).bytes(tensorBytes(values));
  else for (const value of values) text(writer, 8, value);
  writer.join();
}
