import { describe, expect, test } from 'vitest';
import { postBytes } from '../../../support/http.js';
import { closed, connect, echoOf, openDoor, until } from './support.js';

const REQUEST = postBytes('/predict', `{"text":"${'x'.repeat(400)}"}`);

/** A request with a body of its own, so that answers can be told apart. */
const numbered = (n: number) => postBytes('/predict', `{"n":${n}}`);

describe('a client that goes', () => {
  test('before it has sent anything, or between requests, is closed', async () => {
    const bench = await openDoor();
    for (const requests of [0, 1]) {
      const { client, socket } = await connect(bench);
      for (let i = 0; i < requests; i++) {
        client.write(REQUEST);
        await client.answer();
      }
      client.socket.end();
      expect(await client.closed()).toBe('');
      await closed(socket);
      expect(bench.door.has(socket)).toBe(false);
    }
    expect(bench.unreadable).toEqual([]);
  });

  test.each(['end', 'resetAndDestroy'] as const)(
    'in flight, by %s, is told of once and is not waited for, as with node:http',
    async (leave) => {
      const bench = await openDoor();
      bench.handler.isAnsweringAtOnce = false;
      const { client, socket } = await connect(bench);
      client.write(REQUEST);
      const taken = await bench.handler.nth(1);
      client.socket[leave]();
      await until(() => taken.timesGone > 0);
      await closed(socket);
      expect(taken.answer()).toBe(false);
      expect(await client.closed()).toBe('');
      expect(taken.timesGone).toBe(1);
      expect(bench.door.has(socket)).toBe(false);
    },
  );

  test('with a second request behind the one in flight is gone as well', async () => {
    const bench = await openDoor();
    bench.handler.isAnsweringAtOnce = false;
    const { client, socket } = await connect(bench);
    client.write(numbered(1));
    const taken = await bench.handler.nth(1);
    client.socket.end(numbered(2));
    await closed(socket);
    expect([taken.timesGone, taken.answer(), bench.handler.taken.length]).toEqual([1, false, 1]);
  });

  test('is told of to everybody who wants to know of this request, and to nobody who wanted to of one before', async () => {
    const bench = await openDoor();
    bench.handler.isAnsweringAtOnce = false;
    const { client, socket } = await connect(bench);
    const told: string[] = [];
    client.write(numbered(1));
    const first = await bench.handler.nth(1);
    first.onGone(() => told.push('first'));
    first.answer();
    client.write(numbered(2));
    const second = await bench.handler.nth(2);
    second.onGone(() => told.push('second'));
    second.onGone(() => told.push('second again'));
    first.onGone(() => told.push('first, too late'));
    client.socket.resetAndDestroy();
    await closed(socket);
    expect(told).toEqual(['second', 'second again']);
  });

  test('after its answer is nobody who has gone in flight', async () => {
    const bench = await openDoor();
    const { client, socket } = await connect(bench);
    client.write(REQUEST);
    const taken = await bench.handler.nth(1);
    client.socket.resetAndDestroy();
    await closed(socket);
    expect(taken.timesGone).toBe(0);
  });

  test('by ending its side within a body is told so, and its body is not taken', async () => {
    const bench = await openDoor();
    const { client, socket } = await connect(bench);
    client.socket.end(REQUEST.subarray(0, 300));
    expect((await client.answer())?.status).toBe(400);
    await closed(socket);
    // Nobody takes up again what has been refused.
    await bench.clock.advance(10_000);
    expect(bench.unreadable.map(({ message }) => message)).toEqual(['the connection ended within a request']);
    expect(bench.handler.taken).toEqual([]);
  });

  test('by a reset within a body is no error', async () => {
    const bench = await openDoor();
    const { client, socket, arrived } = await connect(bench);
    client.write(REQUEST.subarray(0, 300));
    await arrived(300);
    client.socket.resetAndDestroy();
    await closed(socket);
    expect([bench.unreadable, bench.door.has(socket)]).toEqual([[], false]);
  });
});

describe('the last answer', () => {
  test('ends the connection; what is sent behind it is not taken', async () => {
    const bench = await openDoor();
    bench.handler.isAnsweringAtOnce = false;
    const { client, socket, arrived } = await connect(bench);
    client.write(numbered(1));
    const taken = await bench.handler.nth(1);
    client.write(numbered(2));
    await arrived(2 * numbered(1).length);
    taken.connection.endAfterAnswer();
    expect(taken.connection.isLast).toBe(true);
    expect(taken.answer()).toBe(true);
    expect(echoOf(await client.answer()).body).toBe('{"n":1}');
    await closed(socket);
    expect(await client.closed()).toBe('');
    expect(bench.handler.taken).toHaveLength(1);
  });

  test('ends it also where more was sent behind it than is read ahead, by a client that stays', async () => {
    const bench = await openDoor();
    bench.handler.isAnsweringAtOnce = false;
    const { client, socket } = await connect(bench);
    client.write(numbered(1));
    const taken = await bench.handler.nth(1);
    client.write(Buffer.alloc(4_000_000, 'x'));
    await until(() => socket.isPaused());
    taken.connection.endAfterAnswer();
    taken.answer();
    await closed(socket);
    expect(bench.door.has(socket)).toBe(false);
  });
});

test('a client that does not read its answers is read no further, as by node:http', async () => {
  const bench = await openDoor();
  const { client, socket, arrived } = await connect(bench);
  client.socket.pause();
  const bytes = postBytes('/predict', 'x'.repeat(8_000));
  for (let n = 1; bench.door.has(socket); n++) {
    client.write(bytes);
    await arrived(n * bytes.length);
    expect(socket.writableLength).toBeLessThan(socket.writableHighWaterMark + 34_000);
  }
  client.write(Buffer.concat(Array.from({ length: 1_000 }, () => bytes)));
  await until(() => socket.isPaused());
  expect(client.socket.writableLength).toBeGreaterThan(0);
  expect(socket.writableLength).toBeLessThan(1_000_000);
  client.socket.destroy();
  await closed(socket);
});
