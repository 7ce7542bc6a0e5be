import type { IncomingHttpHeaders } from 'node:http';
import type { Socket } from 'node:net';
import type { Access } from '../../callers/access.js';
import type { Permission } from '../../callers/caller.js';
import type { ClientAddress } from '../../callers/client-address.js';
import { identify } from '../../callers/identify.js';
import { Refusal, refusalOf } from '../../errors.js';
import { tellAnswered } from '../../exchange/message.js';
import type { ArrivingBytes } from '../../rows/arriving-bytes.js';
import { certificateName } from '../../secrets/tls.js';
import { callersTrace, type RequestTrace, type Tracer } from '../../tracing/tracer.js';
import { GrpcCall } from './call.js';
import type { Http2Stream } from './http2/stream.js';
import { DieStream } from './infer/die-stream.js';
import { type InferAnswers, InferExchange, type InferParts } from './infer/infer-exchange.js';
import type { GrpcMethod, StreamMethod, UnaryMethod } from './services/method.js';
import { assertWhole, drained, messagesOf } from './wire/message-stream.js';
import { MessageReader } from './wire/messages.js';
import { unpackBy } from './wire/packed.js';
import { answerOther, isGrpc, textOf } from './wire/request.js';
import { readTimeoutMs } from './wire/timeout.js';

export interface DispatchOptions {
  readonly infer: InferParts;
  /** All but those of dies. */
  readonly methods: readonly GrpcMethod[];
  /** Who may do what; undefined where nobody is asked. */
  readonly access: Access | undefined;
  readonly requestIds: (raw: { readonly headers: IncomingHttpHeaders }) => string;
  readonly clientAddress: ClientAddress;
  /** Records the spans of calls with dies; undefined where nobody does. */
  readonly tracer: Tracer | undefined;
  /** Longest message, bytes. */
  readonly maxMessageBytes: number;
  readonly arriving: ArrivingBytes;
}

const INFER = '/inference.GRPCInferenceService/ModelInfer';
const STREAM_INFER = '/inference.GRPCInferenceService/ModelStreamInfer';

/** What is known of a call of dies from its headers on. */
interface DieCall {
  readonly call: GrpcCall;
  /** Of the whole call, milliseconds from its headers. */
  readonly timeoutMs: number | undefined;
  readonly trace: RequestTrace | undefined;
}

/** Leads each call to its method: what is refused by the headers alone is refused before a message is read. */
export class Dispatch {
  readonly #options: DispatchOptions;
  readonly #methods: ReadonlyMap<string, GrpcMethod>;

  constructor(options: DispatchOptions) {
    this.#options = options;
    this.#methods = new Map(options.methods.map((method) => [method.path, method]));
  }

  /** A new stream; the call that it is, or undefined where it is none and has been answered. */
  begin(stream: Http2Stream, socket: Socket): GrpcCall | undefined {
    const { headers = {} } = stream;
    if (stream.headers !== undefined && !isGrpc(headers)) {
      answerOther(stream, headers);
      return undefined;
    }
    const path = textOf(headers[':path']) ?? '';
    const { exchange } = this.#options.infer;
    const requestId = this.#options.requestIds({ headers });
    const receivedAtMs = exchange.clock.nowMs();
    const call = new GrpcCall({ stream, socket, headers, path, requestId, receivedAtMs });
    try {
      if (stream.headers === undefined)
        throw new Refusal('headers_too_large', 'expected metadata of at most 65536 bytes');
      call.unpack = unpackBy(textOf(headers['grpc-encoding']), this.#options.maxMessageBytes);
      const timeoutMs = readTimeoutMs(textOf(headers['grpc-timeout']));
      if (path === INFER || path === STREAM_INFER)
        this.#asked(call, 'predict', () => this.#dies(call, path === STREAM_INFER, timeoutMs));
      else this.#method(call, timeoutMs);
    } catch (error) {
      this.refuse(call, error);
    }
    return call;
  }

  #method(call: GrpcCall, timeoutMs: number | undefined): void {
    const method = this.#methods.get(call.path);
    const { access } = this.#options;
    // As over HTTP: what nobody may do is not there.
    if (method === undefined || (method.permission === 'admin' && access?.hasAdmin() !== true))
      throw new Refusal('not_found', `there is no method ${call.path.slice(0, 200)}`);
    this.#asked(call, method.permission, () => {
      const controller = this.#controllerOf(call, timeoutMs);
      const { signal } = controller;
      if (method.kind === 'unary') this.#unary(call, method, signal);
      else {
        call.onLeave = () => controller.abort(leaving());
        void this.#stream(call, method, signal);
      }
    });
  }

  /** Goes on once it is known who calls, and that it may. */
  #asked(call: GrpcCall, permission: Permission | undefined, then: () => void): void {
    const { access } = this.#options;
    if (permission === undefined || access === undefined) {
      call.keyId = certificateName(call.socket);
      then();
      return;
    }
    const found = identify(access, permission, call.headers);
    const admit = ({ id, permissions }: Awaited<typeof found>) => {
      call.keyId = id;
      if (!permissions.includes(permission))
        throw new Refusal('forbidden', `"${id}" does not have the permission "${permission}"`);
      then();
    };
    if (!(found instanceof Promise)) admit(found);
    else found.then(admit).catch((error: unknown) => this.refuse(call, error));
  }

  /** Reads one message, and answers it. */
  #unary(call: GrpcCall, { answer }: UnaryMethod, signal: AbortSignal): void {
    this.#onlyMessage(call, (message) => {
      const run = async () => call.finish(await answer(message, { ...contextOf(call), signal }));
      run().then(
        () => this.#tell(call, undefined),
        (error: unknown) => this.refuse(call, error),
      );
    });
  }

  async #stream(call: GrpcCall, { answer }: StreamMethod, signal: AbortSignal): Promise<void> {
    const context = { ...contextOf(call), signal };
    try {
      for await (const message of answer(
        messagesOf(call, (onMessage) => this.#reader(call, onMessage), signal),
        context,
      )) {
        if (!call.send(message)) await drained(call);
        if (call.hasEnded) break;
      }
      if (signal.aborted) throw signal.reason;
      call.finish();
      this.#tell(call, undefined);
    } catch (error) {
      this.refuse(call, error);
    }
  }

  #dies(call: GrpcCall, isStream: boolean, timeoutMs: number | undefined): void {
    const of = { call, timeoutMs, trace: this.#traceOf(call) };
    if (isStream) this.#dieStream(of);
    else {
      this.#onlyMessage(call, (message) => {
        const answers: InferAnswers = {
          answer: (response) => call.finish(response),
          refuse: (refusal) => call.refuse(refusal),
        };
        const exchange = this.#infer(of, message, answers, call.onGone, call.receivedAtMs);
        call.exchange = exchange;
        void exchange.run();
      });
    }
  }

  #dieStream(of: DieCall): void {
    const { call } = of;
    const { clock } = this.#options.infer.exchange;
    const dies = new DieStream(call, {
      endsByStatus: call.headers.triton_grpc_error === 'true',
      begin: (message, answers, onGone) => {
        void this.#infer(of, message, answers, onGone, clock.nowMs()).run();
      },
    });
    call.onLeave = () => dies.leave(leaving());
    const reader = this.#reader(call, (message) => {
      if (!call.hasEnded) dies.take(message);
    });
    this.#read(call, reader, true, () => dies.end());
  }

  #infer(
    { call, timeoutMs, trace }: DieCall,
    message: Buffer,
    answers: InferAnswers,
    onGone: (listener: () => void) => void,
    receivedAtMs: number,
  ): InferExchange {
    return new InferExchange(this.#options.infer, call, message, {
      answers,
      receivedAtMs,
      trace,
      onGone,
      // Of the call: what has passed of it before this message came is gone.
      timeoutMs:
        timeoutMs === undefined ? undefined : Math.max(0, timeoutMs - (receivedAtMs - call.receivedAtMs)),
      addressOf: () => this.#addressOf(call),
    });
  }

  /** Reads the one message of a call, up to its end. */
  #onlyMessage(call: GrpcCall, then: (message: Buffer) => void): void {
    let message: Buffer | undefined;
    let found = 0;
    const reader = this.#reader(call, (one) => {
      message = one;
      found++;
    });
    this.#read(call, reader, false, () => {
      if (message === undefined || found > 1)
        throw new Refusal('bad_request', `expected one message, found ${found}`);
      then(message);
    });
  }

  #read(call: GrpcCall, reader: MessageReader, isStream: boolean, atEnd: () => void): void {
    const { clock } = this.#options.infer.exchange;
    call.arrivingSinceMs = isStream ? undefined : call.receivedAtMs;
    const guarded = (step: () => void) => {
      try {
        step();
      } catch (error) {
        reader.settle();
        this.refuse(call, error);
      }
    };
    const data = (chunk: Buffer) => {
      // What comes after a refusal is thrown away.
      if (call.hasEnded) return;
      guarded(() => reader.push(chunk));
      if (isStream)
        call.arrivingSinceMs = reader.isWithin ? (call.arrivingSinceMs ?? clock.nowMs()) : undefined;
    };
    const end = () => {
      call.arrivingSinceMs = undefined;
      if (call.hasEnded) return;
      guarded(() => {
        assertWhole(reader);
        atEnd();
      });
    };
    call.onClosed.push(() => reader.settle());
    call.read({ data, end });
  }

  #reader({ unpack }: GrpcCall, onMessage: (message: Buffer) => void): MessageReader {
    const { arriving, maxMessageBytes: maxBytes } = this.#options;
    return new MessageReader({ arriving, maxBytes, unpack, onMessage });
  }

  #controllerOf(call: GrpcCall, timeoutMs: number | undefined): AbortController {
    const controller = new AbortController();
    call.onGone(() => controller.abort(new Refusal('bad_request', 'the client has gone')));
    if (timeoutMs !== undefined) {
      const { clock } = this.#options.infer.exchange;
      const passed = new Refusal('deadline_exceeded', 'the deadline of the call has passed');
      const cancel = clock.after(Math.ceil(timeoutMs), () => controller.abort(passed));
      call.onClosed.push(cancel);
    }
    return controller;
  }

  #traceOf(call: GrpcCall): RequestTrace | undefined {
    const { tracer } = this.#options;
    const { headers, path, requestId, receivedAtMs, stream } = call;
    const traceparent = textOf(headers.traceparent);
    if (tracer === undefined) return callersTrace(traceparent);
    const trace = tracer.begin({
      requestId,
      method: 'POST',
      route: path,
      path,
      scheme: headers[':scheme'] === 'https' ? 'https' : 'http',
      receivedAtMs,
      traceparent,
      tracestate: textOf(headers.tracestate),
    });
    const span = trace?.span;
    if (span !== undefined)
      call.onClosed.push(() =>
        span.end({
          status: stream.isAnswered ? (call.refusal?.status ?? 200) : undefined,
          refusalCode: call.refusal?.code ?? '',
          refusalDetail: call.refusal?.message ?? '',
          model: call.exchange?.target?.version.name,
          version: call.exchange?.target?.version.version,
          dies: call.exchange?.measurements?.labels.length,
        }),
      );
    return trace;
  }

  /** Ends a call by what went wrong. */
  refuse(call: GrpcCall, error: unknown): void {
    if (call.hasEnded) return;
    const refusal = refusalOf(error);
    if (refusal.code === 'internal_error')
      this.#options.infer.exchange.logger.error(
        { request_id: call.requestId, err: error },
        'unexpected error',
      );
    call.refuse(refusal);
    this.#tell(call, refusal);
  }

  #tell(call: GrpcCall, refusal: Refusal | undefined): void {
    const { requestId, path, keyId, receivedAtMs, headers } = call;
    const route = path === INFER || path === STREAM_INFER || this.#methods.has(path) ? path : '';
    tellAnswered(
      this.#options.infer.exchange,
      {
        requestId,
        traceId: callersTrace(textOf(headers.traceparent))?.traceId,
        method: 'POST',
        route,
        predicts: path === INFER || path === STREAM_INFER,
        keyId,
        receivedAtMs,
        address: () => this.#addressOf(call),
        measurements: undefined,
        target: undefined,
        isRefusalRecorded: false,
      },
      refusal?.status ?? 200,
      refusal,
    );
  }

  #addressOf({ socket, headers }: GrpcCall): string {
    return this.#options.clientAddress(socket, textOf(headers['x-forwarded-for']));
  }
}

function leaving(): Refusal {
  return new Refusal('draining', 'the server is shutting down', { retryAfterSeconds: 1 });
}

function contextOf({ requestId, keyId }: GrpcCall) {
  return { requestId, keyId };
}
