import type { Logger } from 'pino';

/** Who changes something: the id of a key or token, or a part of diegate that acts by itself. */
export interface Actor {
  readonly id: string;
  /** Of the request that asked for it. */
  readonly requestId?: string;
  /** Why, in the words of whoever asked for it. */
  readonly comment?: string | undefined;
  /** Who agreed to it, as the caller says: it is written down and not verified. */
  readonly approvedBy?: string | undefined;
}

/** A change of what is served. */
export interface AuditedChange {
  readonly action: string;
  readonly model: string;
  readonly from: unknown;
  readonly to: unknown;
  readonly [detail: string]: unknown;
}

/** Tells of a change that has been made. */
export type Audit = (actor: Actor, change: AuditedChange) => void;

/**
 * One log line for each change: who, what, from, to.
 * @param also who else is told
 */
export function createAudit(logger: Pick<Logger, 'warn'>, also?: Audit): Audit {
  return (actor, change) => {
    const { id, requestId, comment, approvedBy } = actor;
    also?.(actor, change);
    // Above info, so that a log that leaves out predictions keeps the changes.
    logger.warn(
      { audit: true, who: id, request_id: requestId, ...change, comment, approved_by: approvedBy },
      'audit',
    );
  };
}
