import type { DieLabel, Measurements } from '../die/die.js';
import type { Decision, Prediction } from '../die/prediction.js';
import type { Refusal } from '../errors.js';
import type { MessageRecorder, RecordedMessage } from '../exchange/message.js';
import type { Inferred } from '../prediction/predictor.js';
import type { Clock } from '../serving/clock.js';
import type { NewRecord } from './record.js';
import type { Recorder } from './recorder.js';

/** Of which dies the measurement itself is kept. */
type KeptInputs = 'none' | 'fails' | 'all' | { readonly share: number };

interface DieRecordsOptions {
  readonly recorder: Recorder;
  readonly clock: Pick<Clock, 'nowMs'>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly inputs: KeptInputs;
  /** SHA-256 of the model.onnx of a version, 64 hex digits; undefined for a version that is not known. */
  readonly modelHash: (model: string, version: string) => string | undefined;
}

/** A model's hash as text and as bytes. */
interface ModelHash {
  readonly model: string;
  readonly version: string;
  readonly text: string | undefined;
  readonly bytes: Uint8Array | undefined;
}

/** Makes the records of dies: one for each that was judged, one for each that was refused. */
export class DieRecords implements MessageRecorder {
  readonly #options: DieRecordsOptions;
  readonly #keepsRow: ReturnType<typeof createInputsChoice>;
  // Encoded as soon as it is filled in: an object for each die would be the garbage collector's.
  readonly #record: NewRecord = { kind: 'prediction', time: 0 };
  #hash: ModelHash = { model: '', version: '', text: undefined, bytes: undefined };

  constructor(options: DieRecordsOptions) {
    this.#options = options;
    this.#keepsRow = createInputsChoice(options.inputs);
  }

  assertOpen(): void {
    this.#options.recorder.assertOpen();
  }

  answered(
    message: RecordedMessage,
    measurements: Measurements,
    inferred: Inferred,
    deadlineAtMs: () => number,
  ): Promise<void> | undefined {
    const { recorder, now, clock } = this.#options;
    const { labels, params } = measurements;
    const { predictions, fallback, queueMs, rowHashes } = inferred;
    const time = now();
    const latencyMs = clock.nowMs() - message.receivedAtMs;
    // Of several models each die has as many predictions, one after another.
    const each = predictions.length / labels.length;
    const width = params.length / labels.length;
    let waits = false;
    for (let i = 0; i < predictions.length; i++) {
      const prediction = predictions[i];
      const die = each === 1 ? i : Math.floor(i / each);
      const label = labels[die];
      if (prediction === undefined || label === undefined) continue;
      const record = this.#begin('prediction', time, message, label, latencyMs);
      const hash = this.#hashOf(prediction.model_name, prediction.model_version);
      record.model = prediction.model_name;
      record.version = prediction.model_version;
      record.modelSha256 = hash.text;
      record.prediction = prediction.prediction;
      record.score = prediction.anomaly_score;
      record.confidence = prediction.confidence;
      record.runMs = prediction.inference_time_ms;
      record.queueMs = queueMs;
      if (prediction.fallback === true) record.fallback = fallback ?? 'failed';
      record.detail = detailOf(prediction);
      const row = {
        values: labels.length === 1 ? params : params.subarray(die * width, (die + 1) * width),
        hash: labels.length === 1 ? rowHashes : rowHashes?.subarray(die * 32, (die + 1) * 32),
        isKept: this.#keepsRow(prediction.prediction),
      };
      if (recorder.append(record, hash.bytes, row)) waits = true;
    }
    return waits ? recorder.whenKept(deadlineAtMs()) : undefined;
  }

  refused(
    message: RecordedMessage,
    measurements: Measurements | undefined,
    refusal: Refusal,
    hasRows: boolean,
  ): void {
    const { recorder, now, clock } = this.#options;
    const time = now();
    const latencyMs = clock.nowMs() - message.receivedAtMs;
    const { target } = message;
    const hash = target === undefined ? undefined : this.#hashOf(target.version.name, target.version.version);
    const detail = JSON.stringify({ status: refusal.status, detail: refusal.message.slice(0, 500) });
    const labels = measurements?.labels ?? [undefined];
    const params = hasRows ? measurements?.params : undefined;
    const width = (params?.length ?? 0) / labels.length;
    labels.forEach((label, die) => {
      const record = this.#begin('refusal', time, message, label, latencyMs);
      if (hash !== undefined) {
        record.model = hash.model;
        record.version = hash.version;
        record.modelSha256 = hash.text;
      }
      record.code = refusal.code;
      record.detail = detail;
      const row = params?.subarray(die * width, (die + 1) * width);
      const isKept = row !== undefined && this.#keepsRow(undefined);
      recorder.append(record, hash?.bytes, { values: row, hash: undefined, isKept });
    });
  }

  /** The record of a die, as far as its message and its label say it: the one that is kept, until the next is begun. */
  #begin(
    kind: 'prediction' | 'refusal',
    time: number,
    { route, keyId, requestId, traceId }: RecordedMessage,
    label: DieLabel | undefined,
    latencyMs: number,
  ): NewRecord {
    const record = this.#record;
    record.kind = kind;
    record.time = time;
    record.dieId = label?.die_id;
    record.lot = label?.lot_id ?? undefined;
    record.wafer = label?.wafer_id ?? undefined;
    record.x = label?.x ?? undefined;
    record.y = label?.y ?? undefined;
    record.insertion = label?.insertion ?? undefined;
    record.touchdown = label?.touchdown ?? undefined;
    record.equipment = label?.equipment_id ?? undefined;
    record.stdfFile = label?.stdf_file ?? undefined;
    record.door = route;
    record.keyId = keyId === '' ? undefined : keyId;
    record.requestId = requestId;
    record.traceId = traceId;
    record.latencyMs = latencyMs;
    record.model = undefined;
    record.version = undefined;
    record.modelSha256 = undefined;
    record.prediction = undefined;
    record.score = undefined;
    record.confidence = undefined;
    record.fallback = undefined;
    record.code = undefined;
    record.queueMs = undefined;
    record.runMs = undefined;
    record.detail = undefined;
    return record;
  }

  /** Versions have come or gone: their files may have others in their place. */
  forgetHashes(): void {
    this.#hash = { model: '', version: '', text: undefined, bytes: undefined };
  }

  /** Nearly all dies go to one version. */
  #hashOf(model: string, version: string): ModelHash {
    if (this.#hash.model === model && this.#hash.version === version) return this.#hash;
    const text = this.#options.modelHash(model, version);
    this.#hash = { model, version, text, bytes: text === undefined ? undefined : Buffer.from(text, 'hex') };
    return this.#hash;
  }
}

/** What a classification or a regression says beside its decision, as JSON; undefined for a screen. */
function detailOf(prediction: Prediction): string | undefined {
  const { label, probabilities, value, unit, values, outputs } = prediction;
  if (label === undefined && value === undefined && values === undefined && outputs === undefined)
    return undefined;
  return JSON.stringify({ label, probabilities, value, unit, values, outputs });
}

/** Decides whether the measurement of a die is kept; of a share every so manieth, evenly. */
function createInputsChoice(kept: KeptInputs): (prediction: Decision | undefined) => boolean {
  if (kept === 'none') return () => false;
  if (kept === 'all') return () => true;
  if (kept === 'fails') return (prediction) => prediction === 'fail';
  let owed = 0;
  return () => {
    owed += kept.share;
    if (owed < 1) return false;
    owed -= 1;
    return true;
  };
}
