import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { postBytes } from '../../../support/http.js';
import {
  connect,
  type DoorBench,
  echoOf,
  MAX_BODY_BYTES,
  openDoor,
  piecesOf,
  until,
  writePieces,
} from './support.js';

const BODY = JSON.stringify({ die_id: 'die 1', test_params: Array.from({ length: 60 }, (_, i) => i / 7) });
const REQUEST = postBytes('/predict', BODY);

/** A request with a body of its own, so that answers can be told apart. */
const numbered = (n: number) => postBytes('/predict', `{"n":${n}}`);

describe('a plain request', () => {
  test.each([1, 2, 3, 50, 170, 171, 400, 10_000])(
    'in pieces of %d bytes is answered as if it had come at once',
    async (size) => {
      const bench = await openDoor();
      const { client, socket } = await connect(bench);
      await writePieces(client.socket, piecesOf(REQUEST, size), () => socket.bytesRead);
      const { path, body } = echoOf(await client.answer());
      expect([path, body]).toEqual(['/predict', BODY]);
      client.write(numbered(2));
      expect(echoOf(await client.answer()).body).toBe('{"n":2}');
    },
  );

  test('is read here when its head came whole, in however many pieces its body comes, else by node:http', async () => {
    const bench = await openDoor();
    const body = 'x'.repeat(3_000);
    const request = postBytes('/predict', body);
    const head = request.indexOf('\r\n\r\n') + 4;
    const inPieces = async (first: number, bytes: number) => {
      const { client, socket } = await connect(bench);
      const pieces = [request.subarray(0, first), ...piecesOf(request.subarray(first), bytes)];
      await writePieces(client.socket, pieces, () => socket.bytesRead);
      return echoOf(await client.answer());
    };
    expect(await inPieces(head, 5)).toEqual({ way: 'direct', path: '/predict', body });
    expect(await inPieces(head - 1, 3_001)).toEqual({ way: 'node', path: '/predict', body });
    expect(await inPieces(head + 1, 3_000)).toEqual({ way: 'direct', path: '/predict', body });
  });

  test('arrives when its first bytes come', async () => {
    const bench = await openDoor();
    const { client, arrived } = await connect(bench);
    client.write(REQUEST.subarray(0, 300));
    await arrived(300);
    const atMs = bench.clock.nowMs();
    await bench.clock.advance(100);
    client.write(REQUEST.subarray(300));
    expect((await bench.handler.nth(1)).receivedAtMs).toBe(atMs);
  });

  test('is followed by others on the same connection', async () => {
    const bench = await openDoor();
    const { client } = await connect(bench);
    for (let n = 0; n < 50; n++) {
      client.write(numbered(n));
      expect(echoOf(await client.answer())).toEqual({ way: 'direct', path: '/predict', body: `{"n":${n}}` });
    }
    expect(bench.sockets).toHaveLength(1);
  });
});

describe('handing over keeps every byte, of what', () => {
  const large = 'x'.repeat(MAX_BODY_BYTES);

  test.each([
    [
      'is not plain',
      Buffer.from('POST /other?a=1 HTTP/1.0\r\ncontent-length: 3\r\n\r\nabc'),
      '/other?a=1',
      'abc',
    ],
    ['has an unknown header', postBytes('/predict', BODY, ['x-other: 1']), '/predict', BODY],
    ['has a body beyond the limit', postBytes('/predict', `${large}y`), '/predict', `${large}y`],
    ['is declined', postBytes('/declined', large), '/declined', large],
    [
      'has no length',
      Buffer.from(
        'POST /predict HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
      ),
      '/predict',
      'abc',
    ],
  ])('%s', async (_, bytes, path, body) => {
    const bench = await openDoor();
    bench.handler.declines = ({ head }) => head.path === '/declined';
    for (const size of [bytes.length, 1_000, 30]) {
      if (bytes.length / size > 1_000) continue;
      const { client, socket } = await connect(bench);
      client.write(numbered(0));
      expect(echoOf(await client.answer()).way).toBe('direct');
      await writePieces(client.socket, piecesOf(bytes, size), () => socket.bytesRead);
      expect(echoOf(await client.answer())).toEqual({ way: 'node', path, body });
      expect(bench.door.has(socket)).toBe(false);
      client.socket.destroy();
    }
    expect(bench.unreadable).toEqual([]);
  });

  test('is not admitted when its head has come, before its body', async () => {
    const bench = await openDoor();
    bench.handler.admits = ({ path }) => path !== '/full';
    const { client, socket, arrived } = await connect(bench);
    const bytes = postBytes('/full', BODY);
    client.write(bytes.subarray(0, 200));
    await arrived(200);
    expect(bench.door.has(socket)).toBe(false);
    client.write(bytes.subarray(200));
    expect(echoOf(await client.answer())).toEqual({ way: 'node', path: '/full', body: BODY });
  });

  test('is for good', async () => {
    const bench = await openDoor();
    const { client } = await connect(bench);
    client.write(postBytes('/predict', BODY, ['x-other: 1']));
    expect(echoOf(await client.answer()).way).toBe('node');
    client.write(REQUEST);
    expect(echoOf(await client.answer()).way).toBe('node');
  });
});

describe('requests that are sent without waiting', () => {
  test('in one piece are answered in their order', async () => {
    const bench = await openDoor();
    const { client } = await connect(bench);
    client.write(Buffer.concat([1, 2, 3, 4].map(numbered)));
    for (const n of [1, 2, 3, 4]) expect(echoOf(await client.answer()).body).toBe(`{"n":${n}}`);
  });

  test('while one is answered wait for their turn, and are read here', async () => {
    const bench = await openDoor();
    bench.handler.isAnsweringAtOnce = false;
    const { client, arrived } = await connect(bench);
    client.write(numbered(1));
    const first = await bench.handler.nth(1);
    client.write(numbered(2));
    await arrived(2 * numbered(1).length);
    expect(bench.handler.taken).toHaveLength(1);
    expect(first.answer()).toBe(true);
    (await bench.handler.nth(2)).answer();
    for (const n of [1, 2]) {
      expect(echoOf(await client.answer())).toEqual({ way: 'direct', path: '/predict', body: `{"n":${n}}` });
    }
  });

  test.each([1, 60, 95])(
    'while one is answered, and cut after %d bytes of the third, are answered in their order',
    async (cut) => {
      const bench = await openDoor();
      bench.handler.isAnsweringAtOnce = false;
      const { client, arrived } = await connect(bench);
      client.write(numbered(1));
      const first = await bench.handler.nth(1);
      bench.handler.isAnsweringAtOnce = true;
      const ahead = Buffer.concat([numbered(2), numbered(3)]);
      client.write(ahead.subarray(0, numbered(2).length + cut));
      await arrived(numbered(1).length + numbered(2).length + cut);
      first.answer();
      client.write(ahead.subarray(numbered(2).length + cut));
      for (const n of [1, 2, 3]) expect(echoOf(await client.answer()).body).toBe(`{"n":${n}}`);
    },
  );

  test('are read no further than a buffer ahead, and all of them are answered in the end', async () => {
    const bench = await openDoor();
    bench.handler.isAnsweringAtOnce = false;
    const { client, socket } = await connect(bench);
    client.write(numbered(1));
    const first = await bench.handler.nth(1);
    bench.handler.isAnsweringAtOnce = true;
    const many = 400;
    const body = 'x'.repeat(20_000);
    client.write(Buffer.concat(Array.from({ length: many }, () => postBytes('/predict', body))));
    await until(() => socket.isPaused());
    for (let turn = 0; turn < 100; turn++) await nextTurn();
    expect(socket.bytesRead).toBeLessThan(500_000);
    first.answer();
    expect(echoOf(await client.answer()).body).toBe('{"n":1}');
    for (let n = 0; n < many; n++) expect(echoOf(await client.answer()).body).toBe(body);
  });
});

describe('the memory for large bodies', () => {
  const large = postBytes('/predict', 'x'.repeat(190_000));

  /** A client of which all but the last byte has come. */
  async function sendNearly(bench: DoorBench) {
    const connection = await connect(bench);
    connection.client.write(large.subarray(0, -1));
    await connection.arrived(large.length - 1);
    return connection;
  }

  test.each<[string, (connection: Awaited<ReturnType<typeof connect>>) => unknown]>([
    ['when they have come', ({ client }) => client.write(large.subarray(-1))],
    ['when the client ends its side', ({ client }) => client.socket.end()],
    ['when the client resets', ({ client }) => client.socket.resetAndDestroy()],
    ['when they go the other way', ({ client }) => client.write('ab')],
  ])('is taken by what is beyond their first bytes, and given back %s', async (_, then) => {
    const bench = await openDoor();
    const connection = await sendNearly(bench);
    expect(bench.arriving.taken).toBeGreaterThan(100_000);
    expect(bench.arriving.taken).toBeLessThan(large.length);
    then(connection);
    await until(() => bench.arriving.taken === 0);
    connection.client.socket.destroy();
  });

  test('is bounded: what finds no room goes to node:http, every byte of it', async () => {
    const bench = await openDoor();
    const others = [await sendNearly(bench), await sendNearly(bench)];
    const { client, socket } = await sendNearly(bench);
    expect(bench.door.has(socket)).toBe(false);
    client.write(large.subarray(-1));
    expect(echoOf(await client.answer())).toEqual({
      way: 'node',
      path: '/predict',
      body: 'x'.repeat(190_000),
    });
    for (const other of others) {
      other.client.write(large.subarray(-1));
      expect(echoOf(await other.client.answer()).way).toBe('direct');
    }
    expect(bench.arriving.taken).toBe(0);
  });
});
