import fp from 'fastify-plugin';
import type { ClientAddress } from '../../../callers/client-address.js';
import { type AnswerTelling, tellAnswered } from '../../../exchange/message.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** When the request's headers had arrived, on the server's clock. */
    receivedAtMs: number;
    /** Address of the caller, where trusted proxies say so behind them. */
    readonly clientAddress: string;
  }
}

interface ObserveOptions extends AnswerTelling {
  readonly clientAddress: ClientAddress;
}

/** Notes when a request arrived and tells the observers when it was answered. */
export const observePlugin = fp<ObserveOptions>(
  (app, { clientAddress, ...telling }, done) => {
    app.decorateRequest('receivedAtMs', 0);
    app.decorateRequest('exchange', undefined);
    app.decorateRequest('clientAddress', {
      getter() {
        return clientAddress(this.raw.socket, this.headers['x-forwarded-for']);
      },
    });
    app.addHook('onRequest', (request, _reply, next) => {
      request.receivedAtMs = telling.clock.nowMs();
      next();
    });
    app.addHook('onResponse', (request, reply, next) => {
      const message = {
        requestId: request.id,
        traceId: request.trace?.traceId,
        method: request.method,
        route: request.routeOptions.url ?? '',
        predicts: request.routeOptions.config.predicts === true,
        keyId: request.keyId,
        receivedAtMs: request.receivedAtMs,
        address: () => request.clientAddress,
        measurements: request.exchange?.measurements,
        target: request.exchange?.target,
        isRefusalRecorded: request.exchange?.isRefusalRecorded ?? false,
      };
      tellAnswered(telling, message, reply.statusCode, request.refusal);
      next();
    });
    done();
  },
  { name: 'observe' },
);
