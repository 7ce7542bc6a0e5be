import type { Logger } from 'pino';

const MIN_INTERVAL_MS = 60_000;

/**
 * Log lines about connections that are refused because as many as MAX_CONNECTIONS are open: the first one
 * at once, then at most one line a minute, at a refusal.
 * @param now monotonic milliseconds
 * @returns to be called for each connection that is refused
 */
export function createConnectionLog(logger: Logger, now: () => number, maxConnections: number): () => void {
  let refused = 0;
  let lastAtMs = Number.NEGATIVE_INFINITY;
  return () => {
    refused++;
    const nowMs = now();
    if (nowMs - lastAtMs < MIN_INTERVAL_MS) return;
    logger.warn({ refused, max_connections: maxConnections }, 'connections refused');
    lastAtMs = nowMs;
    refused = 0;
  };
}
