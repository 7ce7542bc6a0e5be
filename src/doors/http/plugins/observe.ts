import fp from 'fastify-plugin';
import type { ClientAddress } from '../../../callers/client-address.js';
import type { RefusalCode } from '../../../errors.js';
import type { Clock } from '../../../serving/clock.js';

/** An answered request. */
export interface HttpAnswered {
  readonly requestId: string;
  /** Of the trace that the request is a part of; undefined for none. */
  readonly traceId: string | undefined;
  readonly method: string;
  /** Pattern of the route, never the path of the caller; "" for a route that does not exist. */
  readonly route: string;
  readonly status: number;
  /** Milliseconds from the request's headers to the last byte of the answer. */
  readonly durationMs: number;
  /** Code of the refusal that it was answered with; empty for none. */
  readonly refusalCode: RefusalCode | '';
  /** What the refusal said; empty for none. */
  readonly refusalDetail: string;
  /** Whether the route predicts dies. */
  readonly predicts: boolean;
  /** Address of the caller of a refused request; empty for all others. */
  readonly address: string;
  /** Who called, see `FastifyRequest.keyId`; empty where nobody was asked or it was not known. */
  readonly keyId: string;
  /** The first die of the request and the equipment that measured it, where they were read. */
  readonly dieId: string | undefined;
  readonly equipmentId: string | undefined;
}

/** Who is told of answered requests; told, never asked. */
export type HttpObserver = (answered: HttpAnswered) => void;

declare module 'fastify' {
  interface FastifyRequest {
    /** When the request's headers had arrived, on the server's clock. */
    receivedAtMs: number;
    /** Address of the caller, where trusted proxies say so behind them. */
    readonly clientAddress: string;
  }
}

export interface ObserveOptions {
  readonly clock: Clock;
  readonly clientAddress: ClientAddress;
  readonly observers: readonly HttpObserver[];
}

/** Notes when a request arrived and tells the observers when it was answered. */
export const observePlugin = fp<ObserveOptions>(
  (app, { clock, clientAddress, observers }, done) => {
    app.decorateRequest('receivedAtMs', 0);
    app.decorateRequest('clientAddress', {
      getter() {
        return clientAddress(this.raw.socket, this.headers['x-forwarded-for']);
      },
    });
    app.addHook('onRequest', (request, _reply, next) => {
      request.receivedAtMs = clock.nowMs();
      next();
    });
    app.addHook('onResponse', (request, reply, next) => {
      const answered: HttpAnswered = {
        requestId: request.id,
        traceId: request.trace?.traceId,
        method: request.method,
        route: request.routeOptions.url ?? '',
        status: reply.statusCode,
        durationMs: clock.nowMs() - request.receivedAtMs,
        refusalCode: request.refusalCode,
        refusalDetail: request.refusalDetail,
        address: request.refusalCode === '' ? '' : request.clientAddress,
        keyId: request.keyId,
        dieId: request.measurements?.labels[0]?.die_id,
        equipmentId: request.measurements?.labels[0]?.equipment_id ?? undefined,
        predicts: request.routeOptions.config.predicts === true,
      };
      for (const observe of observers) observe(answered);
      next();
    });
    done();
  },
  { name: 'observe' },
);
