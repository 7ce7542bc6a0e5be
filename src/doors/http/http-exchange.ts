import type { FastifyReply, FastifyRequest } from 'fastify';
import type { RateHeaders } from '../../callers/rates.js';
import type { Refusal } from '../../errors.js';
import { Exchange, type ExchangeParts } from '../../exchange/exchange.js';
import type { Headers } from '../../rows/decode/headers.js';
import type { RequestTrace } from '../../tracing/tracer.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** What was asked and what became of it, from the `onRequest` of its route on; prediction routes only. */
    exchange: Exchange | undefined;
  }
  interface FastifyContextConfig {
    /** Whether the route predicts dies, which is what rates are limited of. */
    predicts?: boolean;
  }
}

/** The exchange of a request that comes through node:http and Fastify, which are told of refusals as of all errors. */
export abstract class HttpExchange extends Exchange {
  readonly requestId: string;
  readonly method: string;
  readonly route: string;
  readonly keyId: string;
  readonly headers: Headers;
  readonly receivedAtMs: number;
  readonly trace: RequestTrace | undefined;
  protected readonly request: FastifyRequest;
  protected readonly reply: FastifyReply;

  /** Of a request whose caller is known. */
  constructor(parts: ExchangeParts, request: FastifyRequest, reply: FastifyReply) {
    super(parts);
    this.requestId = request.id;
    this.method = request.method;
    this.route = request.routeOptions.url ?? '';
    this.keyId = request.keyId;
    this.headers = request.headers;
    this.receivedAtMs = request.receivedAtMs;
    this.trace = request.trace;
    this.request = request;
    this.reply = reply;
    request.exchange = this;
  }

  readonly onGone = (listener: () => void): void => {
    const { raw } = this.reply;
    raw.once('close', () => {
      if (!raw.writableFinished) listener();
    });
  };

  address(): string {
    return this.request.clientAddress;
  }

  protected sayRate(rate: RateHeaders): void {
    this.reply.headers({ ...rate });
  }

  protected answerRefusal(refusal: Refusal): void {
    this.reply.send(refusal);
  }
}

/**
 * The steps of a prediction route: its exchange is let in before its body is read, its dies are read when it has come, and
 * they are predicted.
 * @param admit begins the exchange of a request and lets it in; a promise where something is waited for
 */
export function exchangeSteps(
  admit: (request: FastifyRequest, reply: FastifyReply) => Promise<void> | undefined,
) {
  return {
    config: { permission: 'predict' as const, predicts: true },
    onRequest: step(admit),
    preHandler: step((request) => {
      const exchange = exchangeOf(request);
      exchange.renew();
      const waiting = exchange.read();
      // Its bytes are not needed while its dies wait, and would be memory that nobody bounds.
      const drop = () => {
        request.body = undefined;
      };
      if (waiting !== undefined) return waiting.then(drop);
      drop();
      return undefined;
    }),
    handler: (request: FastifyRequest): void => {
      void exchangeOf(request).predict();
    },
  };
}

function exchangeOf({ exchange }: FastifyRequest): Exchange {
  if (exchange === undefined) throw new Error('the exchange of a prediction request has not begun');
  return exchange;
}

/** A step as a hook: what it throws becomes the refusal. Only one that has to wait gives a promise. */
function step(run: (request: FastifyRequest, reply: FastifyReply) => Promise<void> | undefined) {
  return (request: FastifyRequest, reply: FastifyReply, next: (error?: Error) => void): void => {
    const fail = (error: unknown) => next(error instanceof Error ? error : new Error(String(error)));
    let waiting: Promise<void> | undefined;
    try {
      waiting = run(request, reply);
    } catch (error) {
      fail(error);
      return;
    }
    if (waiting === undefined) next();
    else waiting.then(() => next(), fail);
  };
}
