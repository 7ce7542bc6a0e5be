import type { Config } from '../config.js';
import { createExpressLog } from '../monitoring/express-log.js';
import { createExpressMetrics } from '../monitoring/metrics/express.js';
import type { Monitoring } from '../monitoring/monitoring.js';
import type { ExpressParts, ExpressRunner } from '../serving/express/express-runner.js';
import type { WorkerPool } from '../serving/workers/pool.js';

interface ExpressSideOptions {
  readonly config: Pick<Config, 'EXPRESS_DIES' | 'BATCH_TIMEOUT_MS'>;
  readonly monitoring: Monitoring;
  readonly pool: WorkerPool;
  readonly parts: ExpressParts | undefined;
}

/** The express lane beside the workers; undefined unless it is asked for: only then does this process load ONNX Runtime. */
export async function createExpressSide(options: ExpressSideOptions): Promise<ExpressRunner | undefined> {
  const { config, monitoring, pool, parts } = options;
  if (config.EXPRESS_DIES === 0) return undefined;
  const { ExpressRunner } = await import('../serving/express/express-runner.js');
  return new ExpressRunner({
    pool,
    maxDies: config.EXPRESS_DIES,
    hungMs: config.BATCH_TIMEOUT_MS,
    observers: [createExpressMetrics(monitoring.registry), createExpressLog(monitoring.logger)],
    onObserverError: monitoring.onObserverError,
    parts,
  });
}
