import type { HeaderRecord } from '../http2/headers.js';
import { encodeHeaders } from '../http2/hpack.js';
import type { Http2Stream } from '../http2/stream.js';

/** Whether a request of HTTP/2 is a call of gRPC with messages of protobuf. */
export function isGrpc(headers: HeaderRecord): boolean {
  const type = textOf(headers['content-type']) ?? '';
  return headers[':method'] === 'POST' && /^application\/grpc(?:\+proto)?(?:;|$)/i.test(type);
}

/** What is no gRPC is told where it is, when it has been sent: only that is spoken over HTTP/2 here. */
export function answerOther(stream: Http2Stream, headers: HeaderRecord): void {
  let come = 0;
  const answer = () => tellOther(stream, headers[':method'] === 'POST');
  stream.listener = {
    data(bytes) {
      come += bytes.length;
      if (come > MAX_OTHER_BYTES) answer();
    },
    end: answer,
    drain() {},
    close() {},
  };
  stream.resume();
}

function tellOther(stream: Http2Stream, isPost: boolean): void {
  stream.respond(
    encodeHeaders({
      ':status': isPost ? '415' : '405',
      'content-type': 'text/plain; charset=utf-8',
      ...(isPost ? {} : { allow: 'POST' }),
    }),
  );
  stream.end(OTHER, NO_TRAILERS);
}

/** More of what is no gRPC is not waited for. */
const MAX_OTHER_BYTES = 65_536;
const OTHER = Buffer.from(
  'Over HTTP/2 only gRPC is spoken here (content-type application/grpc); all else over HTTP/1.1.\n',
);
const NO_TRAILERS = Buffer.alloc(0);

/** A header's text; of one that came several times the first. */
export function textOf(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : value?.[0];
}
