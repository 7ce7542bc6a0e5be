import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { singleJson } from '../load/dies.js';
import { openLoop } from '../load/open-loop.js';
import type { Figure } from '../scenarios/scenario.js';
import { SHIPPED } from '../servers/start.js';
import { median, quantile } from '../statistics.js';
import { untilTrue } from './processes.js';
import { never, type Survival, told } from './scenario.js';
import { startServer } from './server.js';

const SOCKETS = 500;
const DRIP_EVERY_MS = 500;
const REQUEST_TIMEOUT_MS = 3000;
// node:http looks for late requests every second.
const CLOSED_WITHIN_MS = REQUEST_TIMEOUT_MS + 1000;
const ROUNDS = 3;
const RATE = { ratePerSecond: 200, connections: 32 };
const P99_MS = 50;

/** Sockets that each send a byte of a request now and then; one that is closed is opened again. */
class SlowLoris {
  readonly #port: number;
  readonly #open = new Set<Socket>();
  readonly #drip: NodeJS.Timeout;
  #isReplacing = true;
  /** Sockets that the server has closed. */
  closed = 0;
  /** Longest life of one of them, milliseconds from its connection. */
  longestMs = 0;

  constructor(port: number) {
    this.#port = port;
    for (let i = 0; i < SOCKETS; i++) this.#connect(i);
    this.#drip = setInterval(() => {
      for (const socket of this.#open) socket.write('a');
    }, DRIP_EVERY_MS);
  }

  get open(): number {
    return this.#open.size;
  }

  /** No more new ones; those that are there drip on. */
  stopReplacing(): void {
    this.#isReplacing = false;
  }

  end(): void {
    this.stopReplacing();
    clearInterval(this.#drip);
    for (const socket of this.#open) socket.destroy();
  }

  /** Every other one is slow with its headers, the rest with a body. */
  #connect(i: number): void {
    const head = 'POST /predict HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n';
    const socket = connect(this.#port, '127.0.0.1');
    let startedMs = Number.NaN;
    socket.once('connect', () => {
      startedMs = performance.now();
      this.#open.add(socket);
      socket.write(i % 2 === 0 ? `${head}x-slow: ` : `${head}content-length: 5000\r\n\r\n{`);
    });
    socket.on('error', () => {});
    socket.resume();
    socket.once('close', () => {
      this.#open.delete(socket);
      this.closed++;
      this.longestMs = Math.max(this.longestMs, performance.now() - startedMs);
      if (this.#isReplacing) this.#connect(i);
    });
  }
}

export const SLOW_LORIS: Survival = {
  name: 'slowloris',
  question: `${SOCKETS} sockets send a byte of a request now and then: do the testers notice?`,
  async run({ slowSeconds }): Promise<Figure[]> {
    const server = await startServer({
      repository: SHIPPED.repository,
      environment: { REQUEST_TIMEOUT_MS: String(REQUEST_TIMEOUT_MS) },
    });
    const rate = { ...RATE, seconds: slowSeconds };
    const load = singleJson();
    await openLoop(server.port, load, { ...rate, seconds: 1 });
    const p99: Record<'alone' | 'beside', number[]> = { alone: [], beside: [] };
    let wrong = 0;
    const measure = async (into: number[]) => {
      const { okMs, due } = await openLoop(server.port, load, rate);
      into.push(quantile(okMs, 0.99));
      wrong += due - okMs.length;
    };
    let closed = 0;
    let longestMs = 0;
    let left = 0;
    for (let round = 0; round < ROUNDS; round++) {
      await measure(p99.alone);
      const loris = new SlowLoris(server.port);
      await sleep(200);
      await measure(p99.beside);
      loris.stopReplacing();
      await untilTrue(() => loris.open === 0, CLOSED_WITHIN_MS * 2);
      left += loris.open;
      closed += loris.closed;
      longestMs = Math.max(longestMs, loris.longestMs);
      loris.end();
    }
    await server.stop();
    const [alone, beside] = [median(p99.alone), median(p99.beside)];
    return [
      { name: `realtime p99 alone, ${RATE.ratePerSecond} dies/s`, value: alone, unit: 'ms' },
      { name: 'realtime p99 beside them', value: beside, unit: 'ms', atMost: P99_MS },
      { name: 'beside / alone', value: beside / alone, unit: '×', atMost: 3 },
      never('realtime dies without a 200', wrong),
      told('slow sockets closed by the server', closed),
      {
        name: `longest life of one, REQUEST_TIMEOUT_MS ${REQUEST_TIMEOUT_MS}`,
        value: longestMs,
        unit: 'ms',
        atMost: CLOSED_WITHIN_MS + 1000,
      },
      never('slow sockets that were never closed', left),
    ];
  },
};
