import type { ExportObserver } from './bounded-export.js';

/** What of a logger is needed here. */
export interface ExportLogger {
  warn(fields: object, message: string): void;
  info(fields: object, message: string): void;
}

// A collector that is down fails every export: one line a minute says it as well.
const QUIET_MS = 60_000;
const MAX_REASON_LENGTH = 200;

/** Logs that spans are lost, at most once in a minute, and after that that they are exported again. */
export function createExportLog(logger: ExportLogger, nowMs: () => number): ExportObserver {
  let lost = 0;
  let quietUntilMs = Number.NEGATIVE_INFINITY;
  let isFailing = false;
  return {
    exported: () => {},
    dropped(_reason, spans) {
      lost += spans;
    },
    failed(error) {
      if (nowMs() < quietUntilMs) return;
      quietUntilMs = nowMs() + QUIET_MS;
      isFailing = true;
      const reason = (error?.message || error?.name || 'unknown').slice(0, MAX_REASON_LENGTH);
      logger.warn({ reason, spans_lost: lost }, 'traces could not be exported');
      lost = 0;
    },
    succeeded() {
      if (!isFailing) return;
      isFailing = false;
      logger.info({ spans_lost: lost }, 'traces are exported again');
      lost = 0;
    },
  };
}
