import type { Explanation } from '../../lots/explanation.js';
import type { ModelVersion } from '../../models/model-version.js';
import type { ScoredLot } from './score-lot.js';
import type { PartOutcome, ScoredPart } from './scored-part.js';

/** One line of a file of predictions: every part of the lot, also those that were not scored. */
export interface PredictionRow {
  readonly file: string;
  readonly die_id: string;
  readonly lot_id: string | null;
  readonly wafer_id: string | null;
  /** Position among the parts of the file, from 0. */
  readonly part_index: number;
  readonly part_id: string | null;
  readonly x: number | null;
  readonly y: number | null;
  /** Null where a table does not say. */
  readonly head: number | null;
  readonly site: number | null;
  /** 1 for the first touchdown of a die. */
  readonly touchdown: number;
  readonly hard_bin: number | null;
  readonly soft_bin: number | null;
  /** What the file's own flags say. */
  readonly tester: 'pass' | 'fail' | null;
  /** How many of the model's tests have a value. */
  readonly measured: number;
  readonly prediction: 'pass' | 'fail' | null;
  readonly confidence: number | null;
  readonly anomaly_score: number | null;
  /** Why there is no prediction. */
  readonly not_scored: string | null;
  readonly model_name: string;
  readonly model_version: string;
  readonly explanation: readonly Explanation[] | null;
}

/** The columns in order, each with its type in a Parquet file. */
export const COLUMNS = {
  file: 'STRING',
  die_id: 'STRING',
  lot_id: 'STRING',
  wafer_id: 'STRING',
  part_index: 'INT32',
  part_id: 'STRING',
  x: 'INT32',
  y: 'INT32',
  head: 'INT32',
  site: 'INT32',
  touchdown: 'INT32',
  hard_bin: 'INT32',
  soft_bin: 'INT32',
  tester: 'STRING',
  measured: 'INT32',
  prediction: 'STRING',
  confidence: 'DOUBLE',
  anomaly_score: 'DOUBLE',
  not_scored: 'STRING',
  model_name: 'STRING',
  model_version: 'STRING',
  explanation: 'STRING',
} as const satisfies Record<keyof PredictionRow, 'STRING' | 'INT32' | 'DOUBLE'>;

/** The rows of a scored lot. `explained`: whether an explanation was asked for. */
export function* predictionRows(
  { parts }: ScoredLot,
  version: ModelVersion,
  explained: boolean,
): Generator<PredictionRow, void, void> {
  for (const part of parts) yield rowOf(part, version, explained);
}

function rowOf(
  { label, part, file, measured, outcome, touchdown }: ScoredPart,
  version: ModelVersion,
  explained: boolean,
): PredictionRow {
  return {
    file,
    die_id: label.die_id,
    lot_id: label.lot_id ?? null,
    wafer_id: label.wafer_id ?? null,
    part_index: part.index,
    part_id: part.partId ?? null,
    x: part.x ?? null,
    y: part.y ?? null,
    head: part.headNum,
    site: part.siteNum,
    touchdown,
    hard_bin: part.hardBin ?? null,
    soft_bin: part.softBin ?? null,
    tester: part.verdict === 'none' ? null : part.verdict,
    measured,
    ...outcomeColumns(outcome, version, explained),
  };
}

/** What a model said of a part, as the columns behind those that say which part it is. */
export function outcomeColumns(
  outcome: PartOutcome,
  { name, version }: ModelVersion,
  explained: boolean,
): Pick<
  PredictionRow,
  | 'prediction'
  | 'confidence'
  | 'anomaly_score'
  | 'not_scored'
  | 'model_name'
  | 'model_version'
  | 'explanation'
> {
  const scored = outcome.kind === 'scored' ? outcome : undefined;
  return {
    prediction: scored?.prediction ?? null,
    confidence: scored?.confidence ?? null,
    anomaly_score: scored?.score ?? null,
    not_scored: outcome.kind === 'not_scored' ? outcome.reason : null,
    model_name: name,
    model_version: version,
    explanation: explained && scored !== undefined ? scored.explanations : null,
  };
}
