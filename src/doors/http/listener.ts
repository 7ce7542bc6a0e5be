import http, { type RequestListener, type Server } from 'node:http';
import https from 'node:https';
import type { TLSSocket } from 'node:tls';
import type { TlsMaterial } from '../../secrets/tls.js';
import type { Http2Side } from './http2-side.js';

interface ListenerOptions {
  readonly tls: TlsMaterial | undefined;
  readonly requestTimeoutMs: number;
  readonly keepAliveTimeoutMs: number;
  readonly maxConnections: number;
  /** Whether somebody serves HTTP/2. */
  readonly http2?: boolean;
}

/** Room for the x-die-ids of a whole batch; node:http's own limit is 16 KiB. */
const MAX_HEADER_BYTES = 65_536;

/** The server of node:http, with or without TLS, that requests arrive at; it does not listen yet. */
export function createListener(
  handler: RequestListener,
  { tls, requestTimeoutMs, keepAliveTimeoutMs, maxConnections, http2 = false }: ListenerOptions,
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
          {
            ...options,
            ...secureOptions(tls),
            handshakeTimeout: requestTimeoutMs,
            ...(http2 ? { ALPNCallback: chooseProtocol } : {}),
          },
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

/**
 * Browsers and other clients of HTTP offer both, and are to speak HTTP/1.1, which all routes are served by; clients of
 * gRPC offer HTTP/2 alone.
 */
function chooseProtocol({ protocols }: { readonly protocols: readonly string[] }): string | undefined {
  return ['http/1.1', 'h2'].find((protocol) => protocols.includes(protocol));
}

/** Leads the connections that agreed on HTTP/2 to whoever serves it. */
export function serveHttp2ByAlpn(server: Server, http2: Pick<Http2Side, 'serve'>): void {
  const serveByHttp = server.listeners('secureConnection');
  server.removeAllListeners('secureConnection');
  server.on('secureConnection', (socket: TLSSocket) => {
    if (socket.alpnProtocol === 'h2') http2.serve(socket);
    else for (const serve of serveByHttp) Reflect.apply(serve, server, [socket]);
  });
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
