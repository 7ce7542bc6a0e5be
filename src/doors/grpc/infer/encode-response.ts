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
    const writer = new BinaryWriter();
    text(writer, 1, model);
    if (answering !== undefined) text(writer, 2, answering);
    if (id !== '') text(writer, 3, id);
    if (results.predictions.some(({ fallback }) => fallback)) fallbackParameter(writer);
    const unasked = this.#unaskedOf(version);
    if (outputs === unasked.outputs && dies === 1 && !isTyped) writer.raw(unasked.ofOneDie);
    else describe(writer, outputs, dies, isTyped ? values : undefined);
    if (!isTyped) for (const one of values) writer.tag(6, WireType.LengthDelimited).bytes(tensorBytes(one));
    return writer.finish();
  }

  #unaskedOf(version: OipVersion): UnaskedOutputs {
    let found = this.#unasked.get(version);
    if (found === undefined) {
      const outputs = unaskedOutputs(version, true);
      const writer = new BinaryWriter();
      describe(writer, outputs, 1, undefined);
      found = { outputs, ofOneDie: writer.finish() };
      this.#unasked.set(version, found);
    }
    return found;
  }
}

interface UnaskedOutputs {
  readonly outputs: readonly RequestedOutput[];
  /** Their fields of the response, without values. */
  readonly ofOneDie: Uint8Array;
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
  return new BinaryWriter().tag(2, WireType.LengthDelimited).bytes(response).finish();
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
