import { describe, expect, test } from 'vitest';
import { postBytes } from '../../../support/http.js';
import { closed, connect, echoOf, KEEP_ALIVE_MS, openDoor, REQUEST_TIMEOUT_MS, until } from './support.js';

const REQUEST = postBytes('/predict', '{"n":1}');
/** Longer than a door waits for first bytes. */
const PATIENCE_MS = 1_500;

describe('a connection goes to node:http', () => {
  test('when it stays silent', async () => {
    const bench = await openDoor();
    const { client, socket } = await connect(bench);
    await bench.clock.advance(900);
    expect(bench.door.has(socket)).toBe(true);
    await bench.clock.advance(PATIENCE_MS - 900);
    expect(bench.door.has(socket)).toBe(false);
    client.write(REQUEST);
    expect(echoOf(await client.answer()).way).toBe('node');
  });
});

describe('a request that does not come whole', () => {
  test('is waited for until its time is over, counted from its first bytes, and then refused as late', async () => {
    const bench = await openDoor();
    const { client, socket, arrived } = await connect(bench);
    client.write(REQUEST);
    await client.answer();
    await bench.clock.advance(2_000);
    const bytes = postBytes('/predict', 'x'.repeat(100));
    client.write(bytes.subarray(0, -20));
    await arrived(REQUEST.length + bytes.length - 20);
    for (let left = 20; left > 16; left--) {
      await bench.clock.advance(REQUEST_TIMEOUT_MS / 5);
      expect([bench.door.has(socket), bench.unreadable]).toEqual([true, []]);
      client.write(bytes.subarray(bytes.length - left, bytes.length - left + 1));
      await arrived(REQUEST.length + bytes.length - left + 1);
    }
    await bench.clock.advance(REQUEST_TIMEOUT_MS / 2);
    expect(bench.unreadable).toMatchObject([{ code: 'ERR_HTTP_REQUEST_TIMEOUT' }]);
    expect((await client.answer())?.status).toBe(400);
    expect(await client.closed()).toBe('');
  });

  test('keeps the time of its arrival, and its admission, however slowly it comes', async () => {
    const bench = await openDoor();
    const { client, arrived } = await connect(bench);
    client.write(REQUEST.subarray(0, -3));
    await arrived(REQUEST.length - 3);
    const atMs = bench.clock.nowMs();
    await bench.clock.advance(REQUEST_TIMEOUT_MS - 500);
    client.write(REQUEST.subarray(-3));
    expect(echoOf(await client.answer()).way).toBe('direct');
    expect((await bench.handler.nth(1)).receivedAtMs).toBe(atMs);
  });
});

describe('an idle connection', () => {
  test('is closed after the keep-alive time-out, counted from its last answer', async () => {
    const bench = await openDoor();
    const { client, socket } = await connect(bench);
    for (let n = 0; n < 3; n++) {
      client.write(REQUEST);
      expect(echoOf(await client.answer()).way).toBe('direct');
      await bench.clock.advance(KEEP_ALIVE_MS - 1);
      expect(bench.door.has(socket)).toBe(true);
    }
    await bench.clock.advance(PATIENCE_MS);
    expect(await client.closed()).toBe('');
    await closed(socket);
    expect(bench.door.has(socket)).toBe(false);
  });

  test('is closed soon however short the time-out is', async () => {
    const bench = await openDoor({ keepAliveTimeoutMs: 1 });
    const { client } = await connect(bench);
    client.write(REQUEST);
    await client.answer();
    await bench.clock.advance(50);
    expect(await client.closed()).toBe('');
  });

  test('is not one that waits for its answer, however long that takes', async () => {
    const bench = await openDoor();
    bench.handler.isAnsweringAtOnce = false;
    const { client } = await connect(bench);
    client.write(REQUEST);
    const taken = await bench.handler.nth(1);
    await bench.clock.advance(10 * KEEP_ALIVE_MS);
    expect(taken.answer()).toBe(true);
    expect(echoOf(await client.answer()).way).toBe('direct');
    client.write(REQUEST);
    (await bench.handler.nth(2)).answer();
    expect(echoOf(await client.answer()).way).toBe('direct');
  });
});

describe('closing', () => {
  test('ends connections that wait for nothing at once; of those that have brought nothing each may bring one request', async () => {
    const bench = await openDoor();
    const [silent, fresh, idle] = [await connect(bench), await connect(bench), await connect(bench)];
    idle.client.write(REQUEST);
    await idle.client.answer();
    bench.door.close();
    expect(await idle.client.closed()).toBe('');
    fresh.client.write(REQUEST);
    expect(echoOf(await fresh.client.answer()).way).toBe('direct');
    expect(await fresh.client.closed()).toBe('');
    expect(bench.door.has(silent.socket)).toBe(true);
    bench.door.closeNew();
    expect(await silent.client.closed()).toBe('');
    for (const { socket } of [silent, fresh, idle]) {
      await closed(socket);
      expect(bench.door.has(socket)).toBe(false);
    }
  });

  test('cuts off, when it is told to, what is still arriving, and nothing else', async () => {
    const bench = await openDoor();
    bench.handler.isAnsweringAtOnce = false;
    const [half, waiting] = [await connect(bench), await connect(bench)];
    waiting.client.write(REQUEST);
    const taken = await bench.handler.nth(1);
    half.client.write(REQUEST.subarray(0, -3));
    await until(() => half.socket.bytesRead === REQUEST.length - 3);
    bench.door.close();
    bench.door.cutOffArriving(new Error('the server ends'));
    expect(bench.unreadable.map(({ message }) => message)).toEqual(['the server ends']);
    expect(taken.answer()).toBe(true);
    expect(echoOf(await waiting.client.answer()).way).toBe('direct');
  });

  test('ends one that waits for its answer when it has it', async () => {
    const bench = await openDoor();
    bench.handler.isAnsweringAtOnce = false;
    const { client } = await connect(bench);
    client.write(REQUEST);
    const taken = await bench.handler.nth(1);
    bench.door.close();
    expect(taken.connection.isLast).toBe(true);
    expect(taken.answer()).toBe(true);
    expect(echoOf(await client.answer()).way).toBe('direct');
    expect(await client.closed()).toBe('');
  });

  test('waits for a request that is arriving, and answers it', async () => {
    const bench = await openDoor();
    const { client, socket } = await connect(bench);
    client.write(REQUEST.subarray(0, -3));
    await until(() => socket.bytesRead === REQUEST.length - 3);
    bench.door.close();
    expect(bench.door.has(socket)).toBe(true);
    client.write(REQUEST.subarray(-3));
    expect(echoOf(await client.answer()).way).toBe('direct');
    expect(await client.closed()).toBe('');
  });

  test('stops looking at the connections', async () => {
    const bench = await openDoor();
    expect(bench.clock.timers).toBe(1);
    await bench.clock.advance(60_000);
    expect(bench.clock.timers).toBe(1);
    await new Promise((resolve) => bench.server.close(resolve));
    expect(bench.clock.timers).toBe(0);
  });
});

test('the server counts the connections here as its own', async () => {
  const bench = await openDoor();
  const { client } = await connect(bench);
  const open = () =>
    new Promise<number>((resolve) => bench.server.getConnections((_, count) => resolve(count)));
  expect(await open()).toBe(1);
  client.write(REQUEST);
  await client.answer();
  await connect(bench);
  expect(await open()).toBe(2);
});
