import { deflateSync, gzipSync } from 'node:zlib';
import { create, toBinary } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { GRPCInferenceService } from '../../../src/doors/grpc/messages/inference-messages.js';
import { callBytes, callGrpc, connectGrpc, frame } from '../../support/grpc-client.js';
import { post } from '../../support/http.js';
import { sumVersion } from '../../support/models.js';
import { appForSuite, startApp } from '../../support/start-app.js';

const { modelInfer, modelStreamInfer, serverLive } = GRPCInferenceService.method;
const versions = [sumVersion(3, { name: 'sums' })];
const server = appForSuite(() => ({ versions }));

const dies = [
  [1, 2, 3.5],
  [-4, 0.1, 1e-3],
];
const bytesOf = (values: readonly number[]) => new Uint8Array(Float32Array.from(values).buffer);
/** Whole dies of three values, or one die of what is there. */
const shapeOf = (length: number) => (length % 3 === 0 ? [BigInt(length / 3), 3n] : [1n, BigInt(length)]);
const request = (values: readonly number[], id = 'r') => ({
  modelName: 'sums',
  id,
  inputs: [{ name: 'test_params', datatype: 'FP32', shape: shapeOf(values.length) }],
  rawInputContents: [bytesOf(values)],
});
const typed = (values: readonly number[]) => ({
  ...request(values),
  inputs: [{ ...request(values).inputs[0], contents: { fp32Contents: [...values] } }],
  rawInputContents: [],
});

/** A message that says that it is packed. */
function packed(message: Uint8Array): Buffer {
  const framed = frame(message);
  framed[0] = 1;
  return framed;
}

async function scoresOverHttp(values: readonly number[]) {
  const inputs = [{ name: 'test_params', datatype: 'FP32', shape: [values.length / 3, 3], data: values }];
  const { body } = await post(`${server().url}/v2/models/sums/infer`, JSON.stringify({ inputs }));
  return JSON.parse(body);
}

describe('a message of dies', () => {
  test.each([
    ['one die', dies[0] ?? []],
    ['two dies', dies.flat()],
  ])('%s: the bits that /v2 answers, as bytes and typed', async (_, values) => {
    const over = await scoresOverHttp(values);
    const session = connectGrpc(server().url);
    const { messages, status, headers } = await callGrpc(session, modelInfer, [request(values)]);
    expect(status).toBe(0);
    expect(headers['content-type']).toBe('application/grpc');
    const [answer] = messages;
    expect(answer).toMatchObject({ modelName: 'sums', modelVersion: over.model_version, id: 'r' });
    expect(
      answer?.outputs.map(({ name, datatype, shape }) => ({ name, datatype, shape: shape.map(Number) })),
    ).toEqual(
      over.outputs.map(({ name, datatype, shape }: Record<string, unknown>) => ({ name, datatype, shape })),
    );
    expect(Buffer.from(answer?.rawOutputContents[0] ?? [])).toEqual(
      Buffer.from(Float32Array.from(over.outputs[0].data).buffer),
    );
    const answeredTyped = (await callGrpc(session, modelInfer, [typed(values)])).messages[0];
    expect(answeredTyped?.outputs[0]?.contents?.fp32Contents).toEqual(over.outputs[0].data);
    expect(answeredTyped?.rawOutputContents).toEqual([]);
  });

  test('in pieces of a byte it is the same message', async () => {
    const session = connectGrpc(server().url);
    const body = frame(toBinary(modelInfer.input, create(modelInfer.input, request(dies.flat()))));
    const path = '/inference.GRPCInferenceService/ModelInfer';
    const whole = await callBytes(session, path, [body]);
    const pieces = await callBytes(
      session,
      path,
      Array.from(body, (byte) => Buffer.of(byte)),
    );
    expect(whole.bytes.length).toBeGreaterThan(50);
    expect(pieces.bytes).toEqual(whole.bytes);
  });
});

describe('a stream of dies', () => {
  test('is answered in its order, a bad die in its place', async () => {
    const messages = Array.from({ length: 600 }, (_, i) =>
      i === 77 ? request([1, 2], `r${i}`) : request([i, 0, 0], `r${i}`),
    );
    const { messages: answers, status } = await callGrpc(
      connectGrpc(server().url),
      modelStreamInfer,
      messages,
    );
    expect(status).toBe(0);
    expect(answers.map(({ inferResponse }) => inferResponse?.id)).toEqual(messages.map(({ id }) => id));
    expect(answers.filter(({ errorMessage }) => errorMessage !== '')).toHaveLength(1);
    expect(answers[77]?.errorMessage).toContain('inputs[0].shape');
    const score = Buffer.from(answers[599]?.inferResponse?.rawOutputContents[0] ?? []).readFloatLE(0);
    expect(score).toBe(599);
  });

  test('ends by the status of its first bad die where the client asks so', async () => {
    const messages = [request([1, 2, 3], 'a'), request([1, 2], 'b'), request([1, 2, 3], 'c')];
    const answer = await callGrpc(connectGrpc(server().url), modelStreamInfer, messages, {
      triton_grpc_error: 'true',
    });
    expect(answer.messages.map(({ inferResponse }) => inferResponse?.id)).toEqual(['a']);
    expect(answer.status).toBe(3);
    expect(answer.trailers['diegate-code']).toBe('invalid_input');
  });
});

describe('what is refused has a status and words', () => {
  test.each([
    ['another model', { ...request([1, 2, 3]), modelName: 'nope' }, 5, 'there is no model "nope"'],
    [
      'raw of a wrong size',
      { ...request([1, 2, 3]), rawInputContents: [new Uint8Array(11)] },
      3,
      'raw_input_contents[0]: expected 12 bytes for 3 FP32, found 11',
    ],
    [
      'both contents',
      { ...typed([1, 2, 3]), rawInputContents: [bytesOf([1, 2, 3])] },
      3,
      'inputs[0]: expected its values either in contents or in raw_input_contents, found both filled',
    ],
    [
      'more raw than inputs',
      { ...request([1, 2, 3]), rawInputContents: [bytesOf([1, 2, 3]), bytesOf([1])] },
      3,
      'raw_input_contents: expected 1, as many as inputs, found 2',
    ],
    ['no input', { modelName: 'sums' }, 3, 'inputs: expected 1 input, found 0'],
    [
      'what no die has',
      request([1, Number.POSITIVE_INFINITY, 3]),
      3,
      'inputs[0].data[1]: expected a finite number, found Infinity',
    ],
  ])('%s', async (_, message, status, words) => {
    const answer = await callGrpc(connectGrpc(server().url), modelInfer, [message]);
    expect(answer).toMatchObject({ status, message: expect.stringContaining(words) });
    expect(answer.messages).toEqual([]);
  });

  test('a method that is none, a message that is compressed, too long, cut off, or none', async () => {
    const session = connectGrpc(server().url);
    const statusOf = async (path: string, body: Buffer, metadata = {}) => {
      const { headers, trailers } = await callBytes(session, path, [body], metadata);
      return trailers['grpc-status'] ?? headers['grpc-status'];
    };
    const infer = '/inference.GRPCInferenceService/ModelInfer';
    expect(await statusOf('/inference.GRPCInferenceService/Nope', frame(new Uint8Array()))).toBe('12');
    expect(await statusOf(infer, frame(new Uint8Array()), { 'grpc-encoding': 'snappy' })).toBe('12');
    expect(await statusOf(infer, Buffer.of(1, 0, 0, 0, 0))).toBe('3');
    expect(await statusOf(infer, Buffer.of(1, 0, 0, 0, 1, 7), { 'grpc-encoding': 'gzip' })).toBe('3');
    const bomb = gzipSync(Buffer.alloc(2_000_000));
    expect(await statusOf(infer, packed(bomb), { 'grpc-encoding': 'gzip' })).toBe('8');
    expect(await statusOf(infer, Buffer.of(0, 0x7f, 0, 0, 0))).toBe('8');
    expect(await statusOf(infer, Buffer.of(0, 0, 0, 0, 9, 1))).toBe('3');
    expect(await statusOf(infer, Buffer.alloc(0))).toBe('3');
    expect(await statusOf(infer, frame(Buffer.of(0xff)))).toBe('3');
    expect(await statusOf(infer, frame(new Uint8Array()), { 'grpc-timeout': 'soon' })).toBe('3');
  });

  test.each([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
  ])('a message that is packed by %s is the same message', async (encoding, pack) => {
    const session = connectGrpc(server().url);
    const message = toBinary(modelInfer.input, create(modelInfer.input, request(dies.flat())));
    const path = '/inference.GRPCInferenceService/ModelInfer';
    const plain = await callBytes(session, path, [frame(message)]);
    const answer = await callBytes(session, path, [packed(pack(message))], { 'grpc-encoding': encoding });
    expect(answer.bytes.length).toBeGreaterThan(50);
    expect(answer.bytes).toEqual(plain.bytes);
  });

  test('what is no gRPC is told where it is', async () => {
    const { headers, bytes } = await callBytes(connectGrpc(server().url), '/health', [], {
      'content-type': 'application/json',
    });
    expect(headers[':status']).toBe(415);
    expect(bytes.toString()).toContain('only gRPC is spoken here');
  });
});

test('off, a connection that speaks HTTP/2 is refused as node:http does, and HTTP goes on', async () => {
  const { url } = await startApp({ versions, environment: { GRPC: 'off' } });
  await expect(callGrpc(connectGrpc(url), serverLive, [{}])).rejects.toThrow();
  expect((await fetch(`${url}/health`)).status).toBe(200);
});
