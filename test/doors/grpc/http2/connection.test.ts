import http2 from 'node:http2';
import { buffer } from 'node:stream/consumers';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ErrorCode } from '../../../../src/doors/grpc/http2/errors.js';
import { encodeHeaders } from '../../../../src/doors/grpc/http2/hpack.js';
import {
  echo,
  frame,
  HEAD,
  LIMITS,
  PREFACE,
  RawClient,
  REQUEST,
  SETTINGS,
  serve,
  TRAILERS,
} from './support.js';

const [DATA, HEADERS, RESET, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION] = [0, 1, 3, 6, 7, 8, 9] as const;
const [END_STREAM, END_HEADERS] = [1, 4] as const;
const begun = (id: number, flags: number = END_HEADERS) => frame(HEADERS, flags, id, REQUEST);

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function many(count: number, bytes: Buffer): Buffer[] {
  return Array.from({ length: count }, () => bytes);
}

function connect(port: number) {
  const session = http2.connect(`http://127.0.0.1:${port}`);
  session.on('error', () => {});
  onTestFinished(() => session.destroy());
  return session;
}

async function ask(session: http2.ClientHttp2Session, headers: http2.OutgoingHttpHeaders, body: Uint8Array) {
  const stream = session.request({ ':method': 'POST', ':path': '/a', ...headers });
  stream.end(body);
  return await buffer(stream);
}

describe("node's own client", () => {
  test('sends and gets back any bytes, many requests at a time', async () => {
    const { port } = await serve(echo);
    const session = connect(port);
    const sizes = fc.array(fc.integer({ min: 0, max: 300_000 }), { minLength: 1, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(sizes, async (lengths) => {
        const bodies = lengths.map((length) => Buffer.alloc(length, `${length}`));
        const answers = await Promise.all(bodies.map((body) => ask(session, {}, body)));
        expect(answers.map((answer, i) => answer.equals(bodies[i] ?? Buffer.alloc(0)))).toEqual(
          bodies.map(() => true),
        );
      }),
      { numRuns: 15 },
    );
  });

  test('is understood in every header that it packs', async () => {
    const { port, streams } = await serve(echo);
    const session = connect(port);
    const name = fc.stringMatching(/^x-[a-z0-9]{1,20}$/);
    const value = fc.stringMatching(/^[!-~]([ -~]{0,60}[!-~])?$/);
    await fc.assert(
      fc.asyncProperty(fc.dictionary(name, value, { maxKeys: 8, noNullPrototype: true }), async (headers) => {
        await ask(session, headers, Buffer.alloc(0));
        expect({ ...streams.at(-1)?.headers }).toMatchObject({
          ':method': 'POST',
          ':path': '/a',
          ...headers,
        });
      }),
      { numRuns: 60 },
    );
  });

  test('that cancels has its stream told so', async () => {
    let isBegun = (): void => {};
    const begins = new Promise<void>((resolve) => {
      isBegun = resolve;
    });
    const closes = new Promise<void>((resolve) => {
      void serve((stream) => {
        stream.listener = { data() {}, end() {}, drain() {}, close: resolve };
        isBegun();
      }).then(({ port }) => {
        const call = connect(port).request({ ':method': 'POST', ':path': '/a' });
        call.on('error', () => {});
        void begins.then(() => call.close(http2.constants.NGHTTP2_CANCEL));
      });
    });
    await expect(closes).resolves.toBeUndefined();
  });
});

/** What a client may not do, and the code that its connection ends with. */
const VIOLATIONS: readonly (readonly [string, readonly Buffer[], keyof typeof ErrorCode])[] = [
  ['a first frame that is not SETTINGS', [frame(PING, 0, 0, Buffer.alloc(8))], 'PROTOCOL_ERROR'],
  ['a request on stream 2', [SETTINGS, begun(2)], 'PROTOCOL_ERROR'],
  ['DATA of no request', [SETTINGS, frame(DATA, 0, 1)], 'PROTOCOL_ERROR'],
  ['CONTINUATION of nothing', [SETTINGS, frame(CONTINUATION, 4, 1)], 'PROTOCOL_ERROR'],
  [
    'another frame among headers',
    [SETTINGS, begun(1, 0), frame(PING, 0, 0, Buffer.alloc(8))],
    'PROTOCOL_ERROR',
  ],
  [
    'headers that are none',
    [SETTINGS, frame(HEADERS, 5, 1, Buffer.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff))],
    'COMPRESSION_ERROR',
  ],
  ['headers on a stream that has ended', [SETTINGS, begun(1, 5), begun(1, 5)], 'STREAM_CLOSED'],
  ['a PING of 7 bytes', [SETTINGS, frame(PING, 0, 0, Buffer.alloc(7))], 'FRAME_SIZE_ERROR'],
  ['a frame of 16,385 bytes', [SETTINGS, frame(DATA, 0, 1, Buffer.alloc(16_385))], 'FRAME_SIZE_ERROR'],
  ['a push', [SETTINGS, frame(5, 4, 1, u32(2))], 'PROTOCOL_ERROR'],
  [
    "more than the connection's window",
    [
      SETTINGS,
      ...[1, 3, 5].flatMap((id) => [begun(id), ...many(4, frame(DATA, 0, id, Buffer.alloc(16_000)))]),
    ],
    'FLOW_CONTROL_ERROR',
  ],
  [
    'a window beyond all bounds',
    [SETTINGS, frame(WINDOW_UPDATE, 0, 0, u32(2 ** 31 - 1))],
    'FLOW_CONTROL_ERROR',
  ],
  [
    'headers of more than 64 KiB',
    [SETTINGS, begun(1, 0), ...many(5, frame(CONTINUATION, 0, 1, Buffer.alloc(16_000)))],
    'ENHANCE_YOUR_CALM',
  ],
  [
    'CONTINUATION without end',
    [SETTINGS, begun(1, 0), ...many(300, frame(CONTINUATION, 0, 1))],
    'ENHANCE_YOUR_CALM',
  ],
  ['a flood of pings', [SETTINGS, ...many(2_100, frame(PING, 0, 0, Buffer.alloc(8)))], 'ENHANCE_YOUR_CALM'],
  ['a flood of settings', many(2_100, SETTINGS), 'ENHANCE_YOUR_CALM'],
  ['a flood of frames of no kind', [SETTINGS, ...many(2_100, frame(99, 0, 0))], 'ENHANCE_YOUR_CALM'],
  ['a flood of empty DATA', [SETTINGS, begun(1), ...many(2_100, frame(DATA, 0, 1))], 'ENHANCE_YOUR_CALM'],
  [
    'a flood of requests that are reset',
    [
      SETTINGS,
      ...Array.from({ length: 1_100 }, (_, i) => [
        begun(2 * i + 1),
        frame(RESET, 0, 2 * i + 1, u32(8)),
      ]).flat(),
    ],
    'ENHANCE_YOUR_CALM',
  ],
];

describe('a connection ends with', () => {
  test.each(VIOLATIONS)('%s', async (_, frames, code) => {
    const { port, faults } = await serve();
    const client = new RawClient(port);
    client.send(PREFACE, ...frames);
    const goAway = await client.first(({ type }) => type === GOAWAY);
    expect(goAway?.payload.readUInt32BE(4)).toBe(ErrorCode[code]);
    await client.first(() => false);
    expect(faults).toEqual([]);
  });
});

/** What is wrong with one stream alone. */
const OF_STREAMS: readonly (readonly [string, readonly Buffer[], number, keyof typeof ErrorCode])[] = [
  [
    'one stream too many',
    Array.from({ length: LIMITS.maxStreams + 1 }, (_, i) => begun(2 * i + 1)),
    2 * LIMITS.maxStreams + 1,
    'REFUSED_STREAM',
  ],
  ['headers of no request', [headersOf({ ':method': 'POST' }, false)], 1, 'PROTOCOL_ERROR'],
  ['a name in upper case', [headersOf({ Upper: '1' })], 1, 'PROTOCOL_ERROR'],
  ['a header of connections', [headersOf({ connection: 'close' })], 1, 'PROTOCOL_ERROR'],
  ['a line break in a value', [headersOf({ a: 'b\r\nc: d' })], 1, 'PROTOCOL_ERROR'],
  [
    'a length that does not hold',
    [
      frame(HEADERS, 4, 1, Buffer.concat([REQUEST, encodeHeaders({ 'content-length': '3' })])),
      frame(DATA, 1, 1, Buffer.alloc(4)),
    ],
    1,
    'PROTOCOL_ERROR',
  ],
  [
    "more than the stream's window",
    [begun(1), ...many(5, frame(DATA, 0, 1, Buffer.alloc(16_000)))],
    1,
    'FLOW_CONTROL_ERROR',
  ],
  ['DATA behind its end', [begun(1, 5), frame(DATA, 1, 1)], 1, 'STREAM_CLOSED'],
  ['a window that grows by 0', [begun(1), frame(WINDOW_UPDATE, 0, 1, u32(0))], 1, 'PROTOCOL_ERROR'],
];

function headersOf(headers: Record<string, string>, isRequest = true): Buffer {
  const own = encodeHeaders(headers);
  return frame(HEADERS, 5, 1, isRequest ? Buffer.concat([REQUEST, own]) : own);
}

describe('a stream is reset, and the others go on, for', () => {
  test.each(OF_STREAMS)('%s', async (_, frames, id, code) => {
    const { port } = await serve();
    const client = new RawClient(port);
    client.send(PREFACE, SETTINGS, ...frames);
    const reset = await client.first(({ type, stream }) => type === RESET && stream === id);
    expect(reset?.payload.readUInt32BE(0)).toBe(ErrorCode[code]);
    await client.settled();
    expect(client.isClosed).toBe(false);
  });
});

test('headers beyond the limit are said to be so to whoever takes the stream', async () => {
  const { port, streams } = await serve();
  const client = new RawClient(port);
  client.send(PREFACE, SETTINGS, headersOf({ a: 'x'.repeat(LIMITS.maxHeaderListBytes) }));
  await client.settled();
  expect(streams.map(({ headers }) => headers)).toEqual([undefined]);
});

test('a client gets as much as its windows let in, and the rest as they grow', async () => {
  const { port } = await serve((stream) => {
    stream.respond(HEAD);
    stream.end(Buffer.alloc(1000), TRAILERS);
  });
  const client = new RawClient(port);
  const windowOf = (bytes: number) => frame(4, 0, 0, Buffer.concat([Buffer.of(0, 4), u32(bytes)]));
  const got = () =>
    client.seen.filter(({ type }) => type === DATA).reduce((sum, { payload }) => sum + payload.length, 0);
  client.send(PREFACE, windowOf(0), begun(1, 5));
  await client.settled();
  expect(got()).toBe(0);
  client.send(frame(WINDOW_UPDATE, 0, 1, u32(300)));
  await client.settled();
  expect(got()).toBe(300);
  client.send(windowOf(4096));
  await client.first(({ type, flags }) => type === HEADERS && (flags & END_STREAM) !== 0);
  expect(got()).toBe(1000);
});

test('a stream that is paused holds what has come, and lets no more come than its window', async () => {
  const come: number[] = [];
  const { port, streams } = await serve((stream) => {
    stream.listener = {
      data: ({ length }) => come.push(length),
      end: () => come.push(-1),
      drain() {},
      close() {},
    };
  });
  const client = new RawClient(port);
  client.send(
    PREFACE,
    SETTINGS,
    begun(1),
    ...many(3, frame(DATA, 0, 1, Buffer.alloc(16_000))),
    frame(DATA, 1, 1),
  );
  await client.settled();
  expect(come).toEqual([]);
  expect(client.seen.filter(({ type, stream }) => type === WINDOW_UPDATE && stream === 1)).toEqual([]);
  streams[0]?.resume();
  expect(come).toEqual([16_000, 16_000, 16_000, -1]);
});

test('a stream that is dropped gives back what it held of the window of all', async () => {
  const { port, streams } = await serve();
  const client = new RawClient(port);
  client.send(PREFACE, SETTINGS);
  // Twice what the connection lets in at a time.
  for (let i = 0; i < 6; i++) {
    client.send(begun(2 * i + 1), ...many(3, frame(DATA, 0, 2 * i + 1, Buffer.alloc(16_000))));
    await client.settled();
    streams[i]?.reset(ErrorCode.CANCEL);
  }
  await client.settled();
  expect(client.seen.filter(({ type }) => type === GOAWAY)).toEqual([]);
});

describe('a client that is asked to leave', () => {
  test('has what it had begun answered, also what it begins before it knows, and the connection then ends', async () => {
    const { port, connections } = await serve(echo);
    const client = new RawClient(port);
    client.send(PREFACE, SETTINGS, begun(1));
    await client.settled();
    connections[0]?.leave();
    const first = await client.first(({ type }) => type === GOAWAY);
    expect(first?.payload.readUInt32BE(0)).toBe(2 ** 31 - 1);
    const goodbye = await client.first(({ type, flags }) => type === PING && flags === 0);
    client.send(begun(3), frame(PING, 1, 0, goodbye?.payload));
    await client.first(({ type, payload }) => type === GOAWAY && payload.readUInt32BE(0) === 3);
    client.send(begun(5, 5), frame(DATA, 1, 1, Buffer.from('one')), frame(DATA, 1, 3, Buffer.from('three')));
    await client.first(() => false);
    const answered = client.seen.filter(({ type, flags }) => type === HEADERS && (flags & END_STREAM) !== 0);
    expect(answered.map(({ stream }) => stream)).toEqual([1, 3]);
  });

  test('and does not say that it knows is told all the same', async () => {
    const { port, connections } = await serve();
    const client = new RawClient(port);
    client.send(PREFACE, SETTINGS);
    await client.settled();
    connections[0]?.leave();
    connections[0]?.leaveNow();
    await client.first(() => false);
    expect(client.isClosed).toBe(true);
  });
});

test('what nobody foresaw ends its connection, and is told', async () => {
  const { port, faults } = await serve(() => {
    throw new Error('a fault of ours');
  });
  const client = new RawClient(port);
  client.send(PREFACE, SETTINGS, begun(1, 5));
  const goAway = await client.first(({ type }) => type === GOAWAY);
  expect(goAway?.payload.readUInt32BE(4)).toBe(ErrorCode.INTERNAL_ERROR);
  expect(faults).toEqual([new Error('a fault of ours')]);
});

test('frames at random end the connection, or mean nothing', async () => {
  const { port, faults } = await serve(echo);
  const anyFrame = fc.tuple(fc.nat(10), fc.nat(255), fc.nat(9), fc.uint8Array({ maxLength: 60 }));
  await fc.assert(
    fc.asyncProperty(fc.array(anyFrame, { maxLength: 20 }), async (frames) => {
      const client = new RawClient(port);
      const bytes = frames.map(([type, flags, id, payload]) => frame(type, flags, id, Buffer.from(payload)));
      client.send(PREFACE, SETTINGS, ...bytes);
      client.socket.end();
      await client.first(() => false);
    }),
    { numRuns: 150 },
  );
  expect(faults).toEqual([]);
  expect((await ask(connect(port), {}, Buffer.from('still here'))).toString()).toBe('still here');
});
