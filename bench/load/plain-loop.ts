import { quantile } from '../statistics.js';
import type { Load } from './closed-loop.js';
import { PlainConnection, requestBytes } from './plain-connection.js';

interface PlainLoopResult {
  readonly diesPerSecond: number;
  /** Milliseconds from a request's first byte sent to its answer's last byte read. */
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/**
 * As `closedLoop`, by a client that costs next to nothing: what is held against `unaryLoop` and `streamLoop` is measured by a
 * client like theirs.
 * @throws Error when any answer was not a 200
 */
export async function plainLoop(
  port: number,
  load: Load,
  { connections, seconds }: { connections: number; seconds: number },
): Promise<PlainLoopResult> {
  const request = requestBytes(load);
  const opened = await Promise.all(Array.from({ length: connections }, () => PlainConnection.open(port)));
  const startedMs = performance.now();
  const untilMs = startedMs + seconds * 1000;
  const latenciesMs: number[] = [];
  const run = (connection: PlainConnection): Promise<void> =>
    new Promise((resolve, reject) => {
      const again = () => {
        const sentMs = performance.now();
        connection.send(request, (status) => {
          if (status !== 200) return reject(new Error(`an answer was ${status} and not 200`));
          const nowMs = performance.now();
          latenciesMs.push(nowMs - sentMs);
          if (nowMs < untilMs) again();
          else resolve();
        });
      };
      again();
    });
  try {
    await Promise.all(opened.map(run));
    const passedMs = performance.now() - startedMs;
    const ascending = Float64Array.from(latenciesMs).sort();
    return {
      diesPerSecond: (latenciesMs.length * load.dies * 1000) / passedMs,
      p50Ms: quantile(ascending, 0.5),
      p99Ms: quantile(ascending, 0.99),
    };
  } finally {
    for (const connection of opened) connection.close();
  }
}
