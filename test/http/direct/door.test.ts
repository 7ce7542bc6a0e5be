import { describe, expect, test } from 'vitest';
import { postBytes } from '../../support/http.js';
import { closed, connect, echoOf, KEEP_ALIVE_MS, openDoor, until } from './support.js';

const REQUEST = postBytes('/predict', '{"n":1}');
/** Longer than a door waits for a request that does not come whole. */
const PATIENCE_MS = 1_500;

describe('a connection goes to node:http, which has the time-outs,', () => {
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

  test('when the body of its request does not come, of which no byte is lost', async () => {
    const bench = await openDoor();
    const { client, socket } = await connect(bench);
    client.write(REQUEST);
    await client.answer();
    await bench.clock.advance(3_000);
    client.write(REQUEST.subarray(0, -3));
    await until(() => socket.bytesRead === 2 * REQUEST.length - 3);
    await bench.clock.advance(900);
    expect(bench.door.has(socket)).toBe(true);
    await bench.clock.advance(PATIENCE_MS - 900);
    expect(bench.door.has(socket)).toBe(false);
    client.write(REQUEST.subarray(-3));
    expect(echoOf(await client.answer())).toEqual({ way: 'node', path: '/predict', body: '{"n":1}' });
  });

  test('also when a byte of it comes again and again', async () => {
    const bench = await openDoor();
    const { client, socket } = await connect(bench);
    const bytes = postBytes('/predict', 'x'.repeat(100));
    client.write(bytes.subarray(0, -4));
    for (let left = 4; bench.door.has(socket); left--) {
      await until(() => socket.bytesRead >= bytes.length - left);
      await bench.clock.advance(PATIENCE_MS / 2);
      client.write(bytes.subarray(bytes.length - left, bytes.length - left + 1));
      expect(left).toBeGreaterThan(1);
    }
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
  test('ends connections that wait for nothing at once', async () => {
    const bench = await openDoor();
    const [silent, idle] = [await connect(bench), await connect(bench)];
    idle.client.write(REQUEST);
    await idle.client.answer();
    bench.door.close();
    for (const { client, socket } of [silent, idle]) {
      expect(await client.closed()).toBe('');
      await closed(socket);
      expect(bench.door.has(socket)).toBe(false);
    }
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
