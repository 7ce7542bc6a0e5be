import http, { type RequestListener, type Server } from 'node:http';
import https from 'node:https';
import type { TlsMaterial } from '../../secrets/tls.js';

interface ListenerOptions {
  readonly tls: TlsMaterial | undefined;
  readonly requestTimeoutMs: number;
  readonly keepAliveTimeoutMs: number;
  readonly maxConnections: number;
}

/** Room for the x-die-ids of a whole batch; node:http's own limit is 16 KiB. */
const MAX_HEADER_BYTES = 65_536;

/** The server of node:http, with or without TLS, that requests arrive at; it does not listen yet. */
export function createListener(
  handler: RequestListener,
  { tls, requestTimeoutMs, keepAliveTimeoutMs, maxConnections }: ListenerOptions,
): Server {
  const options = {
    maxHeaderSize: MAX_HEADER_BYTES,
    requestTimeout: requestTimeoutMs,
    keepAliveTimeout: keepAliveTimeoutMs,
    // node:http looks for late requests only this often, by default every 30 s.
    connectionsCheckingInterval: Math.ceil(Math.min(1_000, requestTimeoutMs / 2)),
    // Refused by the problems plugin, with a problem.
    requireHostHeader: false,
  };
  const server =
    tls === undefined
      ? http.createServer(options, handler)
      : https.createServer(
          { ...options, ...secureOptions(tls), handshakeTimeout: requestTimeoutMs },
          handler,
        );
  server.maxConnections = maxConnections;
  return server;
}

/**
 * What new connections are secured with from now on; those that are open go on as they are. Does nothing to
 * a server without TLS.
 */
export function replaceTls(server: Server, tls: TlsMaterial): void {
  if (server instanceof https.Server) server.setSecureContext(secureOptions(tls));
}

function secureOptions({ cert, key, ca }: TlsMaterial): https.ServerOptions {
  return {
    cert,
    key,
    minVersion: 'TLSv1.2',
    honorCipherOrder: true,
    ...(ca === undefined ? {} : { ca, requestCert: true, rejectUnauthorized: true }),
  };
}
