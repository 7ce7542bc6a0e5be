import pino, { type DestinationStream, type Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { Config } from '../config.js';
import type { Clock } from '../serving/clock.js';
import { LineBuffer } from './line-buffer.js';
import { createRegistry } from './metrics/registry.js';

/** Where everything that happens is told: the log and the metrics of this process. */
export interface Monitoring {
  readonly logger: Logger;
  readonly registry: Registry;
  /** Share of the requests that get a log line, 0 to 1. */
  readonly loggedShare: number;
  /** Takes the log line of a request, its line end included. */
  readonly writeLine: (line: string) => void;
  readonly onObserverError: (error: unknown) => void;
  /** Hands on the lines of requests that were gathered. */
  readonly flush: () => void;
}

export function openMonitoring(config: Config, logStream: DestinationStream, clock: Clock): Monitoring {
  const logger = createLogger(config, logStream);
  const requestLines = new LineBuffer((lines) => logStream.write(lines), clock.after);
  return {
    logger,
    registry: createRegistry(),
    // The lines of requests are info; where that is not wanted none are made.
    loggedShare: logger.isLevelEnabled('info') ? config.LOG_PREDICTIONS : 0,
    writeLine: (line) => requestLines.add(line),
    onObserverError: (error) => logger.error({ err: error }, 'an observer failed'),
    flush: () => requestLines.flush(),
  };
}

/** The log: JSON lines with level names and ISO times. */
export function createLogger({ LOG_LEVEL }: Pick<Config, 'LOG_LEVEL'>, stream: DestinationStream): Logger {
  return pino(
    {
      level: LOG_LEVEL,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    stream,
  );
}
