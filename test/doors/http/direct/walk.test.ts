import { setImmediate as nextTurn } from 'node:timers/promises';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { postBytes } from '../../../support/http.js';
import { connect, type DoorBench, echoOf, openDoor } from './support.js';

/** A piece of a request: its bytes, and how many turns of the event loop pass behind it. */
const piece = fc.record({
  bytes: fc.oneof(fc.integer({ min: 1, max: 400 }), fc.integer({ min: 100, max: 100_000 })),
  turns: fc.integer({ min: 0, max: 3 }),
});

/** A request, how it is sent, and after how many turns it is answered, where it is taken. */
const request = fc.record({
  kind: fc.oneof(
    { weight: 12, arbitrary: fc.constant('plain') },
    { weight: 1, arbitrary: fc.constantFrom('unknown header', 'chunked', 'declined', 'not admitted') },
  ),
  bodyBytes: fc.oneof(
    { weight: 4, arbitrary: fc.integer({ min: 1, max: 600 }) },
    { weight: 4, arbitrary: fc.integer({ min: 1, max: 70_000 }) },
    { weight: 1, arbitrary: fc.integer({ min: 1, max: 250_000 }) },
  ),
  /** Whether those before it must have been answered when it is sent. */
  waits: fc.oneof({ weight: 3, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) }),
  pieces: fc.array(piece, { maxLength: 5 }),
  turns: fc.integer({ min: 0, max: 4 }),
});

type Request = typeof request extends fc.Arbitrary<infer Value> ? Value : never;

function bytesOf({ kind, bodyBytes }: Request, index: number): { body: string; bytes: Buffer } {
  const body = `${index}:`.padEnd(bodyBytes, 'x');
  if (kind === 'chunked') {
    const head =
      'POST /predict HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ntransfer-encoding: chunked';
    return { body, bytes: Buffer.from(`${head}\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`) };
  }
  const path = kind === 'declined' ? '/declined' : kind === 'not admitted' ? '/full' : '/predict';
  return { body, bytes: postBytes(path, body, kind === 'unknown header' ? ['x-other: 1'] : []) };
}

async function turn(times: number): Promise<void> {
  for (let i = 0; i < times; i++) await nextTurn();
}

/** Answers what is taken, each after its turns, until it is told to stop. */
function answering({ handler }: DoorBench, requests: readonly Request[]): () => void {
  handler.isAnsweringAtOnce = false;
  handler.declines = ({ head }) => head.path === '/declined';
  handler.admits = ({ path }) => path !== '/full';
  let going = true;
  void (async () => {
    for (let answered = 0; going; await nextTurn()) {
      const taken = handler.taken[answered];
      if (taken === undefined) continue;
      answered++;
      await turn(requests[Number.parseInt(taken.body.toString(), 10)]?.turns ?? 0);
      taken.answer();
    }
  })();
  return () => {
    going = false;
  };
}

test('every request is answered once, in its order, whatever it is, however it is cut and answered', async () => {
  const seen = { direct: 0, node: 0 };
  const property = fc.asyncProperty(fc.array(request, { minLength: 1, maxLength: 8 }), async (requests) => {
    const bench = await openDoor();
    const stop = answering(bench, requests);
    const { client } = await connect(bench);
    // Else a second small piece waits for the first one to be acknowledged, 40 ms.
    client.socket.setNoDelay();
    const unanswered: string[] = [];
    const readAnswers = async () => {
      for (const body of unanswered.splice(0)) {
        const echo = echoOf(await client.answer());
        expect(echo.body).toBe(body);
        seen[echo.way]++;
      }
    };
    for (const [i, one] of requests.entries()) {
      if (one.waits) await readAnswers();
      const { body, bytes } = bytesOf(one, i);
      unanswered.push(body);
      let sent = 0;
      for (const { bytes: size, turns } of [...one.pieces, { bytes: bytes.length, turns: 0 }]) {
        client.write(bytes.subarray(sent, sent + size));
        sent += size;
        await turn(turns);
      }
    }
    await readAnswers();
    stop();
    client.socket.end();
    expect(await client.closed()).toBe('');
    expect(bench.unreadable).toEqual([]);
    expect(bench.arriving.taken).toBe(0);
    bench.server.close();
  });
  await fc.assert(property, { numRuns: 500 });
  expect(Math.min(seen.direct, seen.node), JSON.stringify(seen)).toBeGreaterThan(100);
});
