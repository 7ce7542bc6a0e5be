import { performance } from 'node:perf_hooks';
import type { Load } from './closed-loop.js';
import { PlainConnection, requestBytes } from './plain-connection.js';

export interface OpenLoopOptions {
  /** Requests a second that are due, whether or not earlier ones have been answered. */
  readonly ratePerSecond: number;
  readonly seconds: number;
  /** Sockets to send on; a due request waits for a free one, and its latency counts from when it was due. */
  readonly connections: number;
}

export interface OpenLoopResult {
  /** Requests that were due. */
  readonly due: number;
  /** Answers by status. */
  readonly statuses: ReadonlyMap<number, number>;
  /** Requests that were never answered. */
  readonly unanswered: number;
  /** Milliseconds from when a request was due to its answer, 200s only, ascending. */
  readonly okMs: Float64Array;
  /** Milliseconds from when a request was sent to its answer, for answers other than 200, ascending. */
  readonly refusedMs: Float64Array;
}

interface Due {
  readonly dueMs: number;
  sentMs: number;
}

/**
 * A constant-rate generator free of coordinated omission: a slow answer delays nobody's due time, and
 * what had to wait for a socket has waited.
 */
export async function openLoop(port: number, load: Load, options: OpenLoopOptions): Promise<OpenLoopResult> {
  const request = requestBytes(load);
  const waiting: Due[] = [];
  const free: PlainConnection[] = [];
  const statuses = new Map<number, number>();
  const okMs: number[] = [];
  const refusedMs: number[] = [];
  let inFlight = 0;

  const send = (connection: PlainConnection, due: Due) => {
    due.sentMs = performance.now();
    inFlight++;
    connection.send(request, (status) => {
      const nowMs = performance.now();
      inFlight--;
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      if (status === 200) okMs.push(nowMs - due.dueMs);
      else refusedMs.push(nowMs - due.sentMs);
      const next = waiting.shift();
      if (next === undefined) free.push(connection);
      else send(connection, next);
    });
  };
  const connections = await Promise.all(
    Array.from({ length: options.connections }, () => PlainConnection.open(port)),
  );
  free.push(...connections);

  const startedMs = performance.now();
  const total = Math.round(options.ratePerSecond * options.seconds);
  let due = 0;
  await new Promise<void>((resolve) => {
    const tick = setInterval(() => {
      const shouldBe = Math.min(
        total,
        Math.floor(((performance.now() - startedMs) / 1000) * options.ratePerSecond),
      );
      for (; due < shouldBe; due++) {
        const item: Due = { dueMs: startedMs + (due / options.ratePerSecond) * 1000, sentMs: 0 };
        // In turn: a connection that is never used is closed by the server after REQUEST_TIMEOUT_MS.
        const connection = free.shift();
        if (connection === undefined) waiting.push(item);
        else send(connection, item);
      }
      if (due === total) {
        clearInterval(tick);
        resolve();
      }
    }, 1);
  });
  const patienceEndsMs = performance.now() + 3000;
  while ((inFlight > 0 || waiting.length > 0) && performance.now() < patienceEndsMs) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  for (const connection of connections) connection.close();
  return {
    due: total,
    statuses,
    unanswered: inFlight + waiting.length,
    okMs: Float64Array.from(okMs).sort(),
    refusedMs: Float64Array.from(refusedMs).sort(),
  };
}
