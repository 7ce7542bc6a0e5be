import type { Logger } from 'pino';
import { type BatchFinding, dependenceText, policyText } from '../models/batch-policy.js';

/** Tells of a version whose dies are not run in batches as they come, which costs more: once, at load. */
export function createBatchingLog(logger: Logger): (version: string, batching: BatchFinding) => void {
  return (version, { policy, dependence }) => {
    if (policy.kind === 'any') return;
    const reason = dependence && dependenceText(dependence);
    logger.warn({ version, policy, reason }, `dies are run ${policyText(policy)}`);
  };
}
