import type { Logger } from 'pino';
import type { ExpressObserver } from '../serving/express/express-lane.js';

/** Log lines about the express lane: which version the server process runs itself, and why not. */
export function createExpressLog(logger: Logger): ExpressObserver {
  return {
    levelChanged(version, level, reason) {
      const line = { version, express: level, reason };
      if (level === 'barred') logger.error(line, 'express lane');
      else logger.info(line, 'express lane');
    },
    leftOut: (version, reason) => logger.warn({ version, express: 'off', reason }, 'express lane'),
  };
}
