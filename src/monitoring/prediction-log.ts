import type { Logger } from 'pino';
import type { RefusalCode } from '../errors.js';
import type { PredictionObserver } from '../predictor.js';

/** Decides which share of the requests is logged, evenly: 0.25 logs every fourth. */
export function createSampler(share: number): () => boolean {
  let owed = 0;
  return () => {
    owed += share;
    if (owed < 1) return false;
    owed -= 1;
    return true;
  };
}

/**
 * One log line for each prediction request: who, by what, what was decided and how long it took. For
 * a batch call `die_id`, `prediction` and `score` are arrays in the order of its dies.
 */
export function createPredictionLog(logger: Logger, share: number): PredictionObserver {
  const isSampled = createSampler(share);
  return ({ request, predictions, latencyMs }) => {
    if (!isSampled() || !logger.isLevelEnabled('info')) return;
    const { requestId, version, lane } = request;
    const [first] = predictions;
    const decided =
      lane === 'realtime' && first !== undefined
        ? { die_id: first.die_id, prediction: first.prediction, score: first.anomaly_score }
        : {
            die_id: predictions.map((p) => p.die_id),
            prediction: predictions.map((p) => p.prediction),
            score: predictions.map((p) => p.anomaly_score),
          };
    logger.info(
      {
        request_id: requestId,
        model: version.name,
        version: version.version,
        ...decided,
        latency_ms: Math.round(latencyMs * 1000) / 1000,
      },
      'prediction',
    );
  };
}

/** A refused prediction request, as far as the log wants to know. */
interface RefusedRequest {
  readonly requestId: string;
  readonly refusalCode: RefusalCode | '';
  readonly status: number;
  readonly durationMs: number;
  readonly predicts: boolean;
}

/** One log line for each refused prediction request, sampled as the predictions are. */
export function createRefusalLog(logger: Logger, share: number): (answered: RefusedRequest) => void {
  const isSampled = createSampler(share);
  return ({ predicts, refusalCode, requestId, status, durationMs }) => {
    if (!predicts || refusalCode === '' || !isSampled()) return;
    logger.info(
      { request_id: requestId, code: refusalCode, status, latency_ms: Math.round(durationMs * 1000) / 1000 },
      'refused',
    );
  };
}
