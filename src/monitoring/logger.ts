import pino, { type DestinationStream, type Logger } from 'pino';
import type { Config } from '../config.js';

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
