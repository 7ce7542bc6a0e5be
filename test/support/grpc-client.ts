import http2, { type ClientHttp2Session, type IncomingHttpHeaders } from 'node:http2';
import type { ConnectionOptions } from 'node:tls';
import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { onTestFinished } from 'vitest';
import type { DescribedMethod } from '../../src/doors/grpc/services/method.js';

/** What a call was answered. */
export interface GrpcAnswer<O extends DescMessage> {
  readonly messages: readonly MessageShape<O>[];
  /** Of the trailers. */
  readonly status: number;
  readonly message: string;
  readonly headers: IncomingHttpHeaders;
  readonly trailers: IncomingHttpHeaders;
}

/** A connection that speaks HTTP/2, for one test; what TLS needs where the address is https. */
export function connectGrpc(url: string, secure: ConnectionOptions = {}): ClientHttp2Session {
  const session = http2.connect(url, secure);
  session.on('error', () => {});
  onTestFinished(() => session.destroy());
  return session;
}

/** A message behind its prefix. */
export function frame(message: Uint8Array): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** Calls a method by messages that are all sent at once, and resolves when its status is there. */
export function callGrpc<I extends DescMessage, O extends DescMessage>(
  session: ClientHttp2Session,
  method: DescribedMethod<I, O>,
  messages: readonly MessageInitShape<I>[],
  metadata: Readonly<Record<string, string>> = {},
): Promise<GrpcAnswer<O>> {
  const body = messages.map((one) => frame(toBinary(method.input, create(method.input, one))));
  return callBytes(session, `/${method.parent.typeName}/${method.name}`, body, metadata).then(
    ({ bytes, headers, trailers }) => {
      const told = trailers['grpc-status'] === undefined ? headers : trailers;
      return {
        messages: messagesIn(bytes).map((message) => fromBinary(method.output, message)),
        status: Number(told['grpc-status']),
        message: decodeURIComponent(String(told['grpc-message'] ?? '')),
        headers,
        trailers,
      };
    },
  );
}

/** Any request over HTTP/2, its body sent in these pieces. */
export async function callBytes(
  session: ClientHttp2Session,
  path: string,
  pieces: readonly Buffer[],
  metadata: Readonly<Record<string, string>> = {},
): Promise<{
  readonly bytes: Buffer;
  readonly headers: IncomingHttpHeaders;
  readonly trailers: IncomingHttpHeaders;
}> {
  const stream = session.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
    ...metadata,
  });
  let headers: IncomingHttpHeaders = {};
  let trailers: IncomingHttpHeaders = {};
  const chunks: Buffer[] = [];
  stream.on('response', (found) => {
    headers = found;
  });
  stream.on('trailers', (found) => {
    trailers = found;
  });
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  return new Promise((resolve, reject) => {
    stream.on('error', reject);
    stream.on('close', () => resolve({ bytes: Buffer.concat(chunks), headers, trailers }));
    for (const piece of pieces) stream.write(piece);
    stream.end();
  });
}

function messagesIn(bytes: Buffer): Buffer[] {
  const messages: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readUInt32BE(at + 1);
    messages.push(bytes.subarray(at + 5, at + 5 + length));
    at += 5 + length;
  }
  return messages;
}
