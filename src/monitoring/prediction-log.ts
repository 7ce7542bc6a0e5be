import type { DieLabel, DieLabelField } from '../die/die.js';
import type { Prediction } from '../die/prediction.js';
import type { RefusalCode } from '../errors.js';
import type { PredictionObserver } from '../prediction/predictor.js';

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
 * One log line for each prediction request: which die, by which version, what was decided, what the die said of
 * itself and how long it took. For a batch call `die_id`, `prediction` and `score` are arrays in the order of its dies.
 *
 * The line is put together here, in pino's format, and not by pino: every request writes one, and a
 * template costs a fifth.
 */
export function createPredictionLog(write: (line: string) => void, share: number): PredictionObserver {
  const isSampled = createSampler(share);
  return ({ request, version, measurements, predictions, latencyMs, fallback }) => {
    const { requestId, keyId = '', lane, trace } = request;
    const [first] = predictions;
    if (first === undefined || !isSampled()) return;
    const decided = lane === 'realtime' ? decidedOne(first) : decidedMany(predictions);
    write(
      `{"level":"info","time":"${first.timestamp}","request_id":"${requestId}"${keyOf(keyId)},"model":"${version.name}"` +
        `,"version":"${version.version}",${decided}${contextOf(measurements.labels)},"latency_ms":${microsecondsOf(latencyMs)}` +
        `${fallback === undefined ? '' : `,"fallback":"${fallback}"`}` +
        `${trace === undefined ? '' : `,"trace_id":"${trace.traceId}"`},"msg":"prediction"}\n`,
    );
  };
}

/** Ids of keys and of tokens hold no character that JSON escapes; see their schemas. */
function keyOf(keyId: string): string {
  return keyId === '' ? '' : `,"key_id":"${keyId}"`;
}

function decidedOne({ die_id, prediction, anomaly_score }: Prediction): string {
  return `"die_id":${JSON.stringify(die_id)},"prediction":"${prediction}","score":${anomaly_score}`;
}

function decidedMany(predictions: readonly Prediction[]): string {
  const ids = predictions.map(({ die_id }) => JSON.stringify(die_id)).join(',');
  const decisions = predictions.map(({ prediction }) => `"${prediction}"`).join(',');
  const scores = predictions.map(({ anomaly_score }) => anomaly_score).join(',');
  return `"die_id":[${ids}],"prediction":[${decisions}],"score":[${scores}]`;
}

/** What dies may say beside their ids, in the order of the line. */
const CONTEXT = [
  'lot_id',
  'wafer_id',
  'x',
  'y',
  'insertion',
  'touchdown',
  'equipment_id',
  'stdf_file',
] as const satisfies readonly DieLabelField[];

/** What the dies have said: one value where all say the same, else as many as there are dies; nothing where none says any. */
function contextOf(labels: readonly DieLabel[]): string {
  const [first] = labels;
  if (first === undefined) return '';
  let text = '';
  for (const field of CONTEXT) {
    const value = first[field];
    if (labels.length === 1 || labels.every((label) => label[field] === value)) {
      if (value !== undefined && value !== null) text += `,"${field}":${JSON.stringify(value)}`;
    } else text += `,"${field}":${JSON.stringify(labels.map((label) => label[field] ?? null))}`;
  }
  return text;
}

/** A refused prediction request, as far as the log wants to know. */
interface RefusedRequest {
  readonly requestId: string;
  readonly traceId: string | undefined;
  readonly refusalCode: RefusalCode | '';
  readonly refusalDetail: string;
  readonly status: number;
  readonly durationMs: number;
  readonly predicts: boolean;
  readonly route: string;
  readonly address: string;
  readonly keyId: string;
  readonly dieId: string | undefined;
  readonly equipmentId: string | undefined;
}

// A refusal may quote what it refused; a log line need not hold all of it.
const MAX_DETAIL_LENGTH = 200;

/**
 * One log line for each refused prediction request, sampled as the predictions are; and one for each request
 * of any kind that was refused for who sent it, always.
 */
export function createRefusalLog(
  write: (line: string) => void,
  share: number,
): (refused: RefusedRequest) => void {
  const isSampled = createSampler(share);
  return (refused) => {
    const isOfAccess = refused.refusalCode === 'unauthorized' || refused.refusalCode === 'forbidden';
    const isOfPrediction = refused.predicts && refused.refusalCode !== '';
    if (!isOfAccess && !(isOfPrediction && isSampled())) return;
    const line = {
      level: 'info',
      time: new Date().toISOString(),
      request_id: refused.requestId,
      trace_id: refused.traceId,
      code: refused.refusalCode,
      status: refused.status,
      detail: refused.refusalDetail.slice(0, MAX_DETAIL_LENGTH),
      route: refused.route,
      address: refused.address,
      key_id: refused.keyId === '' ? undefined : refused.keyId,
      die_id: refused.dieId,
      equipment_id: refused.equipmentId,
      latency_ms: microsecondsOf(refused.durationMs),
      msg: 'refused',
    };
    write(`${JSON.stringify(line)}\n`);
  };
}

/** Milliseconds rounded to whole microseconds. */
function microsecondsOf(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
