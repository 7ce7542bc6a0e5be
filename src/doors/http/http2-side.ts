import type { IncomingHttpHeaders } from 'node:http';
import type { Socket } from 'node:net';
import type { ClientAddress } from '../../callers/client-address.js';
import type { ExchangeParts } from '../../exchange/exchange.js';
import type { OipEngine } from '../../oip/engine.js';
import type { ArrivingBytes } from '../../rows/arriving-bytes.js';
import type { DieReader } from '../../rows/read-dies.js';

/** Serves the connections that speak HTTP/2 from their first byte on, which nothing here does. */
export interface Http2Side {
  /** Takes a connection, paused, with all its bytes still to be read. */
  serve(socket: Socket): void;
  has(socket: Socket): boolean;
  /** Ends each connection when it has been answered. */
  close(): void;
  /** Ends all of them. */
  cutOffAll(): void;
}

/** What that side shares with this one: one bound for all, one count, one way of a die. */
export interface SharedParts {
  readonly exchange: ExchangeParts;
  readonly engine: OipEngine;
  readonly reader: DieReader;
  readonly arriving: ArrivingBytes;
  readonly requestIds: (raw: { readonly headers: IncomingHttpHeaders }) => string;
  readonly clientAddress: ClientAddress;
}

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
/** No method of HTTP/1.1 begins with as many bytes of it. */
const TELLING_BYTES = 3;

/** Whether a connection that begins with these bytes speaks HTTP/2 (RFC 9113, section 3.4). */
export function speaksHttp2(first: Buffer): boolean {
  const bytes = Math.min(first.length, PREFACE.length);
  return bytes >= TELLING_BYTES && first.compare(PREFACE, 0, bytes, 0, bytes) === 0;
}
