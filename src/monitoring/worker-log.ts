import type { Logger } from 'pino';
import type { WorkerObserver } from '../serving/workers/worker-observer.js';

/** Log lines about worker processes. */
export function createWorkerLog(logger: Logger): WorkerObserver {
  return {
    workerStarted: (pid) => logger.info({ worker_pid: pid }, 'worker started'),
    workerServes: (pid) => logger.info({ worker_pid: pid }, 'worker serves'),
    workerLeft: (pid) => logger.info({ worker_pid: pid }, 'worker left'),
    workerLost: (pid, reason, restartInMs) =>
      logger.error({ worker_pid: pid, reason, restart_in_ms: restartInMs }, 'worker lost'),
    reopenFailed: (key, reason) =>
      logger.error({ version: key, reason }, 'a replaced worker could not open a version'),
  };
}
