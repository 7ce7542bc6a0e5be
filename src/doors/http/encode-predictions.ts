import type { Prediction, Predictions } from '../../die/prediction.js';

/** What predictions are written as. */
export const PREDICTION_MEDIA_TYPE = 'application/json; charset=utf-8';

/**
 * Predictions as JSON by template: what `JSON.stringify` writes of them by `PredictionSchema`, in less
 * time (a test holds the two against each other). Numbers print as `JSON.stringify` prints them;
 * names and versions of models have no character that JSON escapes.
 */
export function encodePrediction(prediction: Prediction): string {
  const { die_id, confidence, anomaly_score, inference_time_ms } = prediction;
  return (
    `{"die_id":${JSON.stringify(die_id)},"prediction":"${prediction.prediction}","confidence":${confidence}` +
    `,"anomaly_score":${anomaly_score},"inference_time_ms":${inference_time_ms}` +
    `,"timestamp":"${prediction.timestamp}","model_name":"${prediction.model_name}"` +
    `,"model_version":"${prediction.model_version}"${encodeRest(prediction)}}`
  );
}

/** The answer to a batch call. */
export function encodePredictions({ predictions, count }: Predictions): string {
  return `{"predictions":[${predictions.map(encodePrediction).join(',')}],"count":${count}}`;
}

/** What most predictions do not have, in the order of the schema. */
function encodeRest({
  label,
  probabilities,
  value,
  unit,
  values,
  outputs,
  fallback,
  explanation,
}: Prediction): string {
  let text = '';
  if (label !== undefined) text += `,"label":${JSON.stringify(label)}`;
  if (probabilities !== undefined) text += `,"probabilities":${JSON.stringify(probabilities)}`;
  if (value !== undefined) text += `,"value":${value}`;
  if (unit !== undefined) text += `,"unit":${JSON.stringify(unit)}`;
  if (values !== undefined) text += `,"values":${JSON.stringify(values)}`;
  if (outputs !== undefined) text += `,"outputs":${JSON.stringify(outputs)}`;
  if (fallback === true) text += ',"fallback":true';
  if (explanation !== undefined) text += `,"explanation":${JSON.stringify(explanation)}`;
  return text;
}
