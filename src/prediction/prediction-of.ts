import type { DieLabel } from '../die/die.js';
import type { Prediction } from '../die/prediction.js';
import { Refusal } from '../errors.js';
import type { Decided } from '../models/decision/decide.js';
import { explain } from '../models/decision/explain.js';
import { decideByLimits, type ParameterLimits } from '../models/decision/limits.js';
import type { ModelVersion } from '../models/model-version.js';
import type { ScoredDies } from '../serving/batching/call.js';

/** One die of a call and when it was decided. */
interface DieOfCall {
  readonly label: DieLabel;
  /** float32 [dies, parameters] of the whole call, row-major. */
  readonly params: Float32Array;
  /** Position in the call. */
  readonly die: number;
  /** ISO 8601 UTC. */
  readonly timestamp: string;
}

/** The same of a call that was scored. */
interface ScoredDie extends DieOfCall {
  /** Dies of the call. */
  readonly dies: number;
  /** How many test parameters to explain the decision with; 0 for none. */
  readonly explainBy: number;
}

/**
 * The prediction of one die of a scored call.
 * @throws Refusal `unscorable_die` when its outputs are not finite numbers that mean something
 */
export function predictionOf(
  version: ModelVersion,
  scored: ScoredDies,
  { label, params, die, dies, timestamp, explainBy }: ScoredDie,
): Prediction {
  const at = die * (scored.scores.length / dies);
  const decided = version.decide(scored.scores, at);
  if (decided === undefined) {
    const found = scored.scores[at];
    throw new Refusal(
      'unscorable_die',
      `die "${label.die_id}" keeps the contract, but ${version.key} gives it the score ${found}, expected ${expectedScore(version)}: a fault of the model, not of the request`,
    );
  }
  const prediction = base(version, decided, label, scored.runMs[die] ?? 0, timestamp);
  if (explainBy > 0 && scored.contributions !== undefined) {
    const count = version.contract.parameterCount;
    const row = (values: Float32Array) => values.subarray(die * count, (die + 1) * count);
    prediction.explanation = explain(explainBy, row(scored.contributions), row(params), version.manifest);
  }
  return prediction;
}

/** The prediction of one die by the limits of its parameters: no model ran. */
export function predictionByLimits(
  version: ModelVersion,
  limits: ParameterLimits,
  { label, params, die, timestamp }: DieOfCall,
): Prediction {
  return base(version, decideByLimits(limits, params, die), label, 0, timestamp);
}

function base(
  version: ModelVersion,
  decided: Decided,
  label: DieLabel,
  runMs: number,
  timestamp: string,
): Prediction {
  const prediction: Prediction = {
    die_id: label.die_id,
    prediction: decided.prediction,
    confidence: rounded(decided.confidence, 1e6),
    anomaly_score: decided.anomalyScore,
    inference_time_ms: rounded(runMs, 1e3),
    timestamp,
    model_name: version.name,
    model_version: version.version,
  };
  if (decided.details !== undefined) Object.assign(prediction, decided.details);
  return prediction;
}

function expectedScore({ manifest }: ModelVersion): string {
  return manifest.task === 'classification' ? 'probabilities from 0 to 1' : 'a finite number';
}

function rounded(value: number, steps: number): number {
  return Math.round(value * steps) / steps;
}
