import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { Refusal } from '../../../errors.js';

/** Of a call whose messages would be compressed. */
export function compressed(encoding: string | readonly string[]): Refusal {
  return new Refusal(
    'unsupported_media_type',
    `grpc-encoding: expected identity (messages are not compressed), found "${String(encoding).slice(0, 40)}"`,
  );
}

/** Whether a request of HTTP/2 is a call of gRPC with messages of protobuf. */
export function isGrpc(headers: IncomingHttpHeaders): boolean {
  const type = textOf(headers['content-type']) ?? '';
  return headers[':method'] === 'POST' && /^application\/grpc(?:\+proto)?(?:;|$)/i.test(type);
}

/** What is no gRPC is told where it is: only that is spoken over HTTP/2 here. */
export function answerOther(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
  const isPost = headers[':method'] === 'POST';
  stream.respond({
    ':status': isPost ? 415 : 405,
    'content-type': 'text/plain; charset=utf-8',
    ...(isPost ? {} : { allow: 'POST' }),
  });
  stream.end(
    'Over HTTP/2 only gRPC is spoken here (content-type application/grpc); all else over HTTP/1.1.\n',
  );
}

/** A header's text; of one that came several times the first. */
export function textOf(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : value?.[0];
}
