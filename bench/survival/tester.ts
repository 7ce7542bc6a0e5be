import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Load } from '../load/closed-loop.js';
import { requestBytes } from '../load/plain-connection.js';
import { type Answer, AnswerReader } from './answers.js';

/** What became of the requests of some testers. */
export interface Account {
  sent: number;
  /** Answers by status. */
  readonly statuses: Map<number, number>;
  /**
   * Requests that were sent whole on a connection that the server had not announced to close, and that were
   * never answered.
   */
  lost: number;
  /** Milliseconds of the longest wait for an answer. */
  longestMs: number;
}

export function newAccount(): Account {
  return { sent: 0, statuses: new Map(), lost: 0, longestMs: 0 };
}

/** Requests that were answered with this status. */
export function answered(account: Account, status: number): number {
  return account.statuses.get(status) ?? 0;
}

/** Requests that were answered with any other status than 200. */
export function notOk({ statuses }: Account): number {
  return [...statuses].reduce((sum, [status, count]) => sum + (status === 200 ? 0 : count), 0);
}

export interface TesterOptions {
  readonly port: number;
  readonly load: Load;
  readonly account: Account;
  /** Milliseconds between an answer and the next request. */
  readonly thinkMs: () => number;
  /** What a tester does that was asked to leave: connect again, or go elsewhere, as behind a load balancer. */
  readonly afterClose: 'reconnect' | 'leave';
  readonly onAnswer?: (answer: Answer) => void;
}

const RETRY_MS = 50;

/**
 * A tester cell on one keep-alive connection: sends a request, waits for its answer, thinks, sends the next.
 * It never sends a request twice.
 */
export class Tester {
  readonly #options: TesterOptions;
  readonly #request: Buffer;
  #stopped = false;

  constructor(options: TesterOptions) {
    this.#options = options;
    this.#request = requestBytes(options.load);
  }

  /** No further request after the one in flight. */
  stop(): void {
    this.#stopped = true;
  }

  /** Resolves once it has stopped, or has left. */
  async run(): Promise<void> {
    while (!this.#stopped) {
      const socket = await opened(this.#options.port);
      if (socket === undefined) {
        if (this.#options.afterClose === 'leave') return;
        await sleep(RETRY_MS);
        continue;
      }
      await this.#use(socket);
      if (this.#options.afterClose === 'leave') return;
    }
  }

  /** Sends on one connection until it closes or is to be left. */
  async #use(socket: Socket): Promise<void> {
    const { account, thinkMs, onAnswer } = this.#options;
    const line = new Line(socket);
    while (!this.#stopped && line.isOpen) {
      account.sent++;
      const sentMs = performance.now();
      const answer = await line.ask(this.#request);
      if (answer === undefined) {
        account.lost++;
        break;
      }
      account.longestMs = Math.max(account.longestMs, performance.now() - sentMs);
      account.statuses.set(answer.status, (account.statuses.get(answer.status) ?? 0) + 1);
      onAnswer?.(answer);
      if (answer.closes) break;
      const pauseMs = thinkMs();
      if (pauseMs > 0) await sleep(pauseMs);
    }
    socket.destroy();
  }
}

/** A connection with at most one request in flight. */
class Line {
  readonly #socket: Socket;
  readonly #reader = new AnswerReader();
  #settle: ((answer: Answer | undefined) => void) | undefined;
  isOpen = true;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk) => this.#reader.push(chunk, (answer) => this.#settle?.(answer)));
    const gone = () => {
      this.isOpen = false;
      this.#settle?.(undefined);
    };
    socket.on('end', gone).on('close', gone);
  }

  /** The answer; undefined when the connection closes before it is whole. */
  ask(request: Buffer): Promise<Answer | undefined> {
    return new Promise((resolve) => {
      this.#settle = resolve;
      this.#socket.write(request);
    });
  }
}

function opened(port: number): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.setNoDelay(true);
    socket.once('connect', () => resolve(socket));
    // Also keeps later errors of the connection from ending this process: its close says enough.
    socket.on('error', () => resolve(undefined));
  });
}

/** Runs testers for some time, or until `until` settles, and lets each finish its last request. */
export async function withTesters<T>(testers: readonly Tester[], act: () => Promise<T>): Promise<T> {
  const running = testers.map((tester) => tester.run());
  try {
    return await act();
  } finally {
    for (const tester of testers) tester.stop();
    await Promise.all(running);
  }
}
