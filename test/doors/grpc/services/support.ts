import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { expect } from 'vitest';
import type { DescribedMethod, GrpcMethod } from '../../../../src/doors/grpc/services/method.js';

export const CONTEXT = { requestId: 'request-7', keyId: 'who', signal: new AbortController().signal };

function find<K extends GrpcMethod['kind']>(
  methods: readonly GrpcMethod[],
  { parent, name }: DescribedMethod<DescMessage, DescMessage>,
  kind: K,
): Extract<GrpcMethod, { kind: K }> {
  const path = `/${parent.typeName}/${name}`;
  const found = methods.find(
    (one): one is Extract<GrpcMethod, { kind: K }> => one.path === path && one.kind === kind,
  );
  return found ?? expect.fail(`${path} is not served`);
}

/** Calls a method of one message, as a client does: through bytes. */
export async function call<I extends DescMessage, O extends DescMessage>(
  methods: readonly GrpcMethod[],
  method: DescribedMethod<I, O>,
  message: MessageInitShape<I>,
): Promise<MessageShape<O>> {
  const bytes = toBinary(method.input, create(method.input, message));
  return fromBinary(method.output, await find(methods, method, 'unary').answer(bytes, CONTEXT));
}

/** What a stream of messages is answered. */
export async function* callStream<I extends DescMessage, O extends DescMessage>(
  methods: readonly GrpcMethod[],
  method: DescribedMethod<I, O>,
  messages: readonly MessageInitShape<I>[],
  signal: AbortSignal = CONTEXT.signal,
): AsyncGenerator<MessageShape<O>> {
  async function* requests() {
    for (const message of messages) yield toBinary(method.input, create(method.input, message));
  }
  const answers = find(methods, method, 'stream').answer(requests(), { ...CONTEXT, signal });
  for await (const bytes of answers) yield fromBinary(method.output, bytes);
}
