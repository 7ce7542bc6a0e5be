import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import type { Permission } from '../../../callers/caller.js';
import { Refusal } from '../../../errors.js';

/** What a method knows of the call beside its message. */
export interface CallContext {
  readonly requestId: string;
  /** Who calls; empty where nobody was asked. */
  readonly keyId: string;
  /** Aborted when the client has gone, its deadline has passed or the connection is to end. */
  readonly signal: AbortSignal;
}

interface Addressed {
  /** As the request's `:path` has it: `/package.Service/Method`. */
  readonly path: string;
  /** What its caller must be allowed to; undefined where nobody is asked. */
  readonly permission: Permission | undefined;
}

/** A method of one message in and one message out, both as bytes. */
export interface UnaryMethod extends Addressed {
  readonly kind: 'unary';
  /** @throws Refusal */
  answer(request: Uint8Array, context: CallContext): Uint8Array | Promise<Uint8Array>;
}

/** A method that answers each message by any number of messages, in order. */
export interface StreamMethod extends Addressed {
  readonly kind: 'stream';
  /**
   * Goes on until the requests are at their end and answered, or {@link CallContext.signal} is aborted.
   * @throws Refusal
   */
  answer(requests: AsyncIterable<Uint8Array>, context: CallContext): AsyncIterable<Uint8Array>;
}

export type GrpcMethod = UnaryMethod | StreamMethod;

/** A method as its proto file describes it. */
export interface DescribedMethod<I extends DescMessage, O extends DescMessage> {
  readonly name: string;
  readonly parent: { readonly typeName: string };
  readonly input: I;
  readonly output: O;
}

/** A method of a proto file with what answers it. */
export function unary<I extends DescMessage, O extends DescMessage>(
  method: DescribedMethod<I, O>,
  permission: Permission | undefined,
  answer: (
    request: MessageShape<I>,
    context: CallContext,
  ) => MessageInitShape<O> | Promise<MessageInitShape<O>>,
): UnaryMethod {
  const write = (message: MessageInitShape<O>) => toBinary(method.output, create(method.output, message));
  return {
    kind: 'unary',
    path: pathOf(method),
    permission,
    answer(request, context) {
      const answered = answer(readMessage(method.input, request), context);
      return answered instanceof Promise ? answered.then(write) : write(answered);
    },
  };
}

/** A method of a proto file that answers each message of a stream. */
export function streaming<I extends DescMessage, O extends DescMessage>(
  method: DescribedMethod<I, O>,
  permission: Permission | undefined,
  answer: (
    request: MessageShape<I>,
    context: CallContext,
  ) => Iterable<MessageInitShape<O>> | AsyncIterable<MessageInitShape<O>>,
): StreamMethod {
  return {
    kind: 'stream',
    path: pathOf(method),
    permission,
    async *answer(requests, context) {
      for await (const request of requests)
        for await (const message of answer(readMessage(method.input, request), context))
          yield toBinary(method.output, create(method.output, message));
    },
  };
}

function pathOf({
  parent,
  name,
}: Pick<DescribedMethod<DescMessage, DescMessage>, 'parent' | 'name'>): string {
  return `/${parent.typeName}/${name}`;
}

/**
 * A message from its bytes.
 * @throws Refusal `bad_request` where they are none
 */
export function readMessage<M extends DescMessage>(schema: M, bytes: Uint8Array): MessageShape<M> {
  try {
    return fromBinary(schema, bytes);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Refusal(
      'bad_request',
      `expected a message ${schema.typeName}, found ${bytes.length} bytes that are none: ${reason}`,
      { cause },
    );
  }
}
