import { EventEmitter, once } from 'node:events';
import net from 'node:net';
import { expect } from 'vitest';
import { z } from 'zod';
import { type Problem, ProblemSchema } from '../../src/doors/http/schemas/problem.js';
import { REFUSALS, type RefusalCode } from '../../src/errors.js';

/** An answer as it was read off the wire. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

/** The headers that every answer carries, whoever writes it. */
export const SECURITY_HEADER_NAMES = [
  'x-content-type-options',
  'x-frame-options',
  'referrer-policy',
  'content-security-policy',
  'cache-control',
] as const;

const StrictProblemSchema = z.strictObject(ProblemSchema.shape);

/** Checks that an answer is a whole problem response of this code, and returns the problem. */
export function expectProblem(
  answer: { status: number; headers: Headers; body: string },
  code: RefusalCode,
): Problem {
  expect(answer.body).toContain(`urn:diegate:problem:${code}`);
  const { status, title } = REFUSALS[code];
  expect(answer.status).toBe(status);
  expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json\b/);
  const problem = StrictProblemSchema.parse(JSON.parse(answer.body));
  expect(problem).toMatchObject({ type: `urn:diegate:problem:${code}`, title, status });
  expect(problem.detail).not.toBe('');
  expect(problem.request_id).toBe(answer.headers.get('x-request-id'));
  expect(problem.request_id).not.toBe('');
  for (const name of SECURITY_HEADER_NAMES) expect(answer.headers.get(name), name).not.toBeNull();
  return problem;
}

/** A request by fetch, over a real socket, with its body read. */
export async function send(url: string, init: RequestInit = {}): Promise<RawAnswer> {
  const response = await fetch(url, init);
  return { status: response.status, headers: response.headers, body: await response.text() };
}

/** POSTs a body, by default as JSON. */
export function post(
  url: string,
  body: RequestInit['body'],
  headers: Readonly<Record<string, string>> = {},
): Promise<RawAnswer> {
  const init = { method: 'POST', headers: { 'content-type': 'application/json', ...headers } };
  return send(url, body === undefined ? init : { ...init, body });
}

/** A TCP connection of bytes, for what no HTTP client would send. */
export class RawConnection {
  readonly socket: net.Socket;
  #received: Buffer = Buffer.alloc(0);
  readonly #events = new EventEmitter();

  private constructor(socket: net.Socket) {
    this.socket = socket;
    socket.on('data', (chunk) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#events.emit('progress');
    });
    socket.on('end', () => this.#events.emit('progress'));
    socket.on('close', () => this.#events.emit('progress'));
    // A reset is an ending like any other here; what was received until then is what counts.
    socket.on('error', () => {});
  }

  static async open(port: number): Promise<RawConnection> {
    const socket = net.connect(port, '127.0.0.1');
    const connection = new RawConnection(socket);
    await once(socket, 'connect');
    return connection;
  }

  write(bytes: string | Buffer): void {
    this.socket.write(bytes);
  }

  /** The next whole answer; undefined when the server ends the connection without one. */
  async answer({ toHead = false } = {}): Promise<RawAnswer | undefined> {
    for (;;) {
      const taken = takeAnswer(this.#received, toHead);
      if (taken !== undefined) {
        this.#received = taken.rest;
        return taken.answer;
      }
      if (this.socket.readableEnded || this.socket.destroyed) return undefined;
      await once(this.#events, 'progress');
    }
  }

  /** Resolves when the server has closed the connection; returns what came beyond the answers read. */
  async closed(): Promise<string> {
    if (!this.socket.closed) await once(this.socket, 'close');
    return this.#received.toString('latin1');
  }
}

function takeAnswer(bytes: Buffer, toHead: boolean): { answer: RawAnswer; rest: Buffer } | undefined {
  const end = bytes.indexOf('\r\n\r\n');
  if (end === -1) return undefined;
  const [statusLine = '', ...lines] = bytes.toString('latin1', 0, end).split('\r\n');
  const headers = new Headers(lines.map((line): [string, string] => headerOf(line)));
  const from = end + 4;
  const to = from + (toHead ? 0 : Number(headers.get('content-length') ?? 0));
  if (bytes.length < to) return undefined;
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(statusLine)?.[1]);
  return { answer: { status, headers, body: bytes.toString('utf8', from, to) }, rest: bytes.subarray(to) };
}

function headerOf(line: string): [string, string] {
  const colon = line.indexOf(':');
  return [line.slice(0, colon), line.slice(colon + 1).trim()];
}

/** The bytes of a POST request as they stand on the wire. */
export function postBytes(path: string, body: string | Buffer, headers: readonly string[] = []): Buffer {
  const bytes = Buffer.from(body);
  const lines = [
    `POST ${path} HTTP/1.1`,
    'host: diegate',
    'content-type: application/json',
    `content-length: ${bytes.length}`,
    ...headers,
  ];
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), bytes]);
}
