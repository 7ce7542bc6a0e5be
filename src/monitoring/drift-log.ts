import type { Logger } from 'pino';
import type { DriftEvent } from '../drift/events.js';
import type { Delivery } from '../drift/webhook.js';

/** Log lines about drift and what became of its events. */
export function createDriftLog(logger: Logger) {
  return {
    /** A version whose reference is of an older form: less is called drift than its data would show. */
    olderReference(version: string): void {
      const reason =
        'it knows deciles of passing dies, not the shares of its own dies; what may lie between is not called drift; train the version again';
      logger.warn({ version, reason }, 'an older reference.json');
    },
    event(event: DriftEvent): void {
      if (event.event === 'drift.started') logger.warn({ drift: event }, 'drift started');
      else logger.info({ drift: event }, 'drift ended');
    },
    delivery(outcome: Delivery, event: DriftEvent, reason: string): void {
      const line = { event_id: event.event_id, event: event.event, outcome, reason };
      if (outcome === 'delivered') logger.info(line, 'drift event delivered');
      else logger.error(line, 'drift event not delivered');
    },
  };
}
