import { once } from 'node:events';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createHttpClient } from '../../src/replay/http-client.js';
import { FakeClock } from '../support/fake-clock.js';

/** A server of bytes: `serve` gets each connection's socket once a request's bytes have come. */
async function tcpServer(serve: (socket: net.Socket) => void): Promise<URL> {
  const server = net.createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => serve(socket));
  });
  const sockets = new Set<net.Socket>();
  server.on('connection', (socket) => sockets.add(socket));
  return listening(server, () => {
    for (const socket of sockets) socket.destroy();
  });
}

async function listening(server: net.Server, end: () => void = () => {}): Promise<URL> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    end();
    server.close();
  });
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
}

function clientOf(url: URL, apiKey?: string) {
  const clock = new FakeClock();
  const client = createHttpClient({ url, apiKey, timeoutMs: 500, connections: 2, clock });
  onTestFinished(() => client.close());
  const abort = new AbortController();
  return { clock, client, abort, post: () => client.post('/predict', '{}', abort.signal) };
}

describe('a request of the replay', () => {
  it('carries the body, its type and the key, behind the path of the url, over one kept connection', async () => {
    const seen: unknown[] = [];
    const ports = new Set<number | undefined>();
    const server = http.createServer(async (request, response) => {
      const { method, url, headers } = request;
      const body = Buffer.concat(await request.toArray()).toString();
      seen.push([method, url, headers['content-type'], headers['x-api-key'], body]);
      ports.add(request.socket.remotePort);
      response.writeHead(503, { 'retry-after': '7' }).end('later');
    });
    const url = new URL('/floor/', await listening(server, () => server.closeAllConnections()));
    const { client, post, clock } = clientOf(url, 'secret');
    expect(await client.get('/models', new AbortController().signal)).toMatchObject({
      kind: 'answer',
      status: 503,
    });
    expect(await post()).toEqual({
      kind: 'answer',
      status: 503,
      retryAfter: '7',
      body: 'later',
      latencyMs: 0,
    });
    expect(seen).toEqual([
      ['GET', '/floor/models', undefined, 'secret', ''],
      ['POST', '/floor/predict', 'application/json', 'secret', '{}'],
    ]);
    expect(ports.size).toBe(1);
    expect(clock.timers).toBe(0);
  });

  it.each([
    ['before the answer', ''],
    ['within the headers', 'HTTP/1.1 200 OK\r\ncontent-le'],
    ['within the body', 'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"die_id":'],
    ['within a chunk', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{"die'],
    ['after something that is not HTTP', 'SSH-2.0-OpenSSH\r\n'],
  ])('is lost when the connection ends %s', async (_, bytes) => {
    const { post, clock } = clientOf(await tcpServer((socket) => socket.end(bytes)));
    expect(await post()).toMatchObject({ kind: 'lost', cause: 'connection_lost' });
    expect(clock.timers).toBe(0);
  });

  it('is lost when nobody listens', async () => {
    const { post } = clientOf(new URL('http://127.0.0.1:1'));
    expect(await post()).toMatchObject({ kind: 'lost', detail: expect.stringContaining('ECONNREFUSED') });
  });

  it.each([
    ['no answer comes', ''],
    ['an answer does not end', 'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"die_id":'],
  ])('times out when %s, and leaves no connection behind', async (_, bytes) => {
    let arrived: () => void = () => {};
    const arrival = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    let closed: Promise<unknown> = Promise.resolve();
    const url = await tcpServer((socket) => {
      closed = once(socket, 'close');
      socket.write(bytes, arrived);
    });
    const { post, clock } = clientOf(url);
    const answer = post();
    await arrival;
    await clock.advance(499);
    await clock.advance(1);
    expect(await answer).toMatchObject({ kind: 'lost', cause: 'timeout' });
    await closed;
  });

  it('is given up when it is aborted, before or after it is sent', async () => {
    let arrived: () => void = () => {};
    const arrival = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    const { post, abort } = clientOf(await tcpServer(() => arrived()));
    const sent = post();
    await arrival;
    abort.abort();
    expect(await sent).toMatchObject({ kind: 'lost', detail: 'given up' });
    expect(await post()).toMatchObject({ kind: 'lost', detail: 'given up' });
  });
});
