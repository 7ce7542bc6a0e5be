import { once } from 'node:events';
import http, { type Server } from 'node:http';
import net, { type AddressInfo, type Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { z } from 'zod';
import type {
  DirectAdmission,
  DirectConnection,
  DirectRequest,
} from '../../../../src/doors/http/direct/connection.js';
import { DirectDoor, type DirectHandler } from '../../../../src/doors/http/direct/door.js';
import type { RequestHead } from '../../../../src/doors/http/direct/request-head.js';
import { ArrivingBytes } from '../../../../src/rows/arriving-bytes.js';
import { FakeClock } from '../../../support/fake-clock.js';
import { type RawAnswer, RawConnection } from '../../../support/http.js';

/** Idle time after which the doors of these tests close a connection. */
export const KEEP_ALIVE_MS = 5_000;

/** Time for the bytes of a request. */
export const REQUEST_TIMEOUT_MS = 3_000;

/** Longest body that they take. */
export const MAX_BODY_BYTES = 200_000;

/** What the large bodies of one door share. */
export const MAX_ARRIVING_BYTES = 320_000;

const EchoSchema = z.object({ way: z.enum(['direct', 'node']), path: z.string(), body: z.string() });

/** Which way a request went, and what of it came there. */
export type Echo = z.infer<typeof EchoSchema>;

/** What an answer of these tests says. */
export function echoOf(answer: RawAnswer | undefined): Echo {
  if (answer === undefined) throw new Error('the connection ended without an answer');
  return EchoSchema.parse(JSON.parse(answer.body));
}

/** A request that was taken and waits for the test to answer it. */
export class TakenRequest {
  readonly connection: DirectConnection;
  readonly path: string;
  readonly body: Buffer;
  readonly receivedAtMs: number;
  readonly onGone: DirectRequest['onGone'];
  /** How often it was told that the client has gone. */
  timesGone = 0;

  constructor({ head, pieces, receivedAtMs, onGone }: DirectRequest, connection: DirectConnection) {
    this.connection = connection;
    this.path = head.path;
    this.body = Buffer.concat(pieces);
    this.receivedAtMs = receivedAtMs;
    this.onGone = onGone;
    onGone(() => {
      this.timesGone++;
    });
  }

  /** Answers with what came; gives whether anybody was there. */
  answer(): boolean {
    const echo: Echo = { way: 'direct', path: this.path, body: this.body.toString('latin1') };
    const text = JSON.stringify(echo);
    return this.connection.answer(
      `HTTP/1.1 200 OK\r\ncontent-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
      'utf8',
    );
  }
}

/** Takes what it is told to, and answers when it is told to. */
export class TestHandler implements DirectHandler {
  /** All that were taken, in order. */
  readonly taken: TakenRequest[] = [];
  isAnsweringAtOnce = true;
  admits: (head: RequestHead) => boolean = () => true;

  admit(head: RequestHead): DirectAdmission | undefined {
    return this.admits(head) ? { rate: undefined, target: undefined } : undefined;
  }

  declines: (request: DirectRequest) => boolean = () => false;

  take(request: DirectRequest, connection: DirectConnection): boolean {
    if (this.declines(request)) return false;
    const taken = new TakenRequest(request, connection);
    this.taken.push(taken);
    if (this.isAnsweringAtOnce) taken.answer();
    return true;
  }

  /** The request that was taken as the `n`th, counted from 1, as soon as it has been. */
  async nth(n: number): Promise<TakenRequest> {
    await until(() => this.taken.length >= n);
    const taken = this.taken[n - 1];
    if (taken === undefined) throw new Error(`request ${n} has not been taken`);
    return taken;
  }
}

/** A door before a server of node:http, both of which say what came to them. */
export interface DoorBench<H extends DirectHandler = TestHandler> {
  readonly server: Server;
  readonly door: DirectDoor;
  readonly handler: H;
  readonly clock: FakeClock;
  readonly arriving: ArrivingBytes;
  readonly port: number;
  /** The server's end of every connection, in the order of their coming. */
  readonly sockets: readonly Socket[];
  /** What node:http could not read. */
  readonly unreadable: readonly Error[];
}

/** A door for one test, which ends with it. */
export function openDoor({ keepAliveTimeoutMs = KEEP_ALIVE_MS } = {}): Promise<DoorBench> {
  return openDoorBefore(new TestHandler(), new FakeClock(), keepAliveTimeoutMs);
}

/** The same, with a handler of the test's own. */
export async function openDoorBefore<H extends DirectHandler>(
  handler: H,
  clock: FakeClock,
  keepAliveTimeoutMs = KEEP_ALIVE_MS,
): Promise<DoorBench<H>> {
  const server = http.createServer((request, response) => {
    let body = '';
    request.setEncoding('latin1').on('data', (chunk) => {
      body += String(chunk);
    });
    request.once('end', () => {
      const echo: Echo = { way: 'node', path: request.url ?? '', body };
      const text = JSON.stringify(echo);
      response.writeHead(200, { 'content-length': Buffer.byteLength(text) }).end(text);
    });
  });
  const unreadable: Error[] = [];
  server.on('clientError', (error, socket) => {
    unreadable.push(error);
    socket.end('HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n');
  });
  const sockets: Socket[] = [];
  const arriving = new ArrivingBytes(MAX_ARRIVING_BYTES);
  const door = new DirectDoor(server, {
    clock,
    handler,
    keepAliveTimeoutMs,
    requestTimeoutMs: REQUEST_TIMEOUT_MS,
    maxBodyBytes: MAX_BODY_BYTES,
    arriving,
    http2: undefined,
  });
  server.on('connection', (socket) => sockets.push(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return { server, door, handler, clock, arriving, port: portOf(server), sockets, unreadable };
}

export function portOf(server: net.Server): number {
  return z
    .custom<AddressInfo>((address) => net.isIP(String(Object(address).address)) > 0)
    .parse(server.address()).port;
}

/** A client of a door, the server's end of its connection, and when so many bytes have been read there. */
export async function connect({ port, sockets }: Pick<DoorBench, 'port' | 'sockets'>) {
  const known = sockets.length;
  const client = await RawConnection.open(port);
  await until(() => sockets.length > known);
  const socket = sockets[known];
  if (socket === undefined) throw new Error('the connection has not come');
  const arrived = async (bytes: number) => {
    await until(() => socket.bytesRead >= bytes);
    await nextTurn();
  };
  return { client, socket, arrived };
}

/** Resolves when it is so; looks again in every turn of the event loop. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await nextTurn();
}

/** The bytes of the next answer, as UTF-8; of one that is cut off, what has come of it. */
export async function rawAnswerOf({ socket }: RawConnection): Promise<string> {
  const chunks: Buffer[] = [];
  const isWhole = (bytes: Buffer) => {
    const end = bytes.indexOf('\r\n\r\n');
    const length = /^content-length: (\d+)\r$/im.exec(bytes.toString('latin1', 0, end + 2))?.[1];
    return end !== -1 && bytes.length >= end + 4 + Number(length ?? 0);
  };
  socket.on('data', (chunk) => chunks.push(chunk));
  await until(() => isWhole(Buffer.concat(chunks)) || socket.readableEnded || socket.destroyed);
  return Buffer.concat(chunks).toString();
}

/** Resolves when the socket has closed and its listeners have been told. */
export async function closed(socket: Socket): Promise<void> {
  await until(() => socket.closed);
  await nextTurn();
}

/** Writes bytes in pieces, each when the one before it has been read by the server. */
export async function writePieces(
  client: Socket,
  pieces: readonly Buffer[],
  read: () => number,
): Promise<void> {
  let written = read();
  for (const piece of pieces) {
    client.write(piece);
    written += piece.length;
    await until(() => read() >= written);
    // Its listeners have run when this turn is over.
    await nextTurn();
  }
}

/** Bytes in pieces of a size. */
export function piecesOf(bytes: Buffer, size: number): Buffer[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
    bytes.subarray(i * size, (i + 1) * size),
  );
}
