import { z } from 'zod';
import { DecisionSchema } from '../die/prediction.js';
import { type DieKey, namesDie } from './die-key.js';

/**
 * What a record is of. Of dies: a prediction, a refusal, a repeat that got the stored answer, an outcome that came later, a
 * die that was offered for review. Of the gate: changes of what is served, versions that come and go, keys that are read
 * anew, its start and its end, reports of retraining, and records that are missing.
 */
export const RECORD_KINDS = [
  'prediction',
  'refusal',
  'repeat',
  'outcome',
  'review',
  'change',
  'load',
  'unload',
  'keys',
  'start',
  'stop',
  'retrain',
  'gap',
] as const;

const text = z.string().optional();
const hash = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .optional();
const number = z.number().optional();

/** One record, as it is read. What was not said is undefined. */
export const GateRecordSchema = z.object({
  sequence: z.int().min(0).describe('Position in the log, from 0: each record has the next one'),
  time: z.int().describe("Milliseconds since 1970 on the server's clock, which may have been set back"),
  kind: z.enum(RECORD_KINDS),
  dieId: text,
  lot: text,
  wafer: text,
  x: number,
  y: number,
  insertion: text,
  touchdown: number,
  equipment: text,
  stdfFile: text,
  door: text.describe('Route or method that the die came by'),
  keyId: text.describe('Who called'),
  requestId: text,
  traceId: text,
  model: text,
  version: text,
  modelSha256: hash.describe('Of model.onnx'),
  prediction: DecisionSchema.optional(),
  score: number,
  confidence: number,
  fallback: text.describe('Why a fallback answered'),
  code: text.describe('Code of the refusal; of an outcome what the die turned out to be'),
  queueMs: number.describe('From the queue to the scores, without the run; float32'),
  runMs: number.describe('Of the session.run; float32'),
  latencyMs: number.describe('From arrival to decision or refusal; float32'),
  rowSha256: hash.describe('Of the measurement, float32 little-endian in the order of the parameters'),
  detail: text.describe('JSON of whatever else there is to say'),
});

export type GateRecord = z.infer<typeof GateRecordSchema>;

/** A record before it has its place in the log. */
export type NewRecord = Omit<GateRecord, 'sequence' | 'rowSha256'>;

/** A record with the measurement itself, where it was kept. */
export interface KeptRecord {
  readonly record: GateRecord;
  /** float32 [parameters]. */
  readonly row: Float32Array | undefined;
}

/** What a die is asked for by: its id or its place. */
export type AskedDie = { readonly dieId: string } | { readonly key: DieKey };

/** Whether a record is of the die that is asked for. */
export function isOfDie(record: GateRecord, asked: AskedDie): boolean {
  if ('dieId' in asked) return record.dieId === asked.dieId;
  const key = keyOfRecord(record);
  return key !== undefined && namesDie(asked.key, key);
}

/** Who the die of a record is; undefined where it did not say where it is. */
function keyOfRecord({ lot, wafer, x, y, insertion, touchdown }: GateRecord): DieKey | undefined {
  if (wafer === undefined || x === undefined || y === undefined) return undefined;
  return { lot, wafer, x, y, insertion, touchdown };
}
