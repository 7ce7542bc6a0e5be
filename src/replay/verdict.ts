import { type Prediction, PredictionSchema, PredictionsSchema } from '../die/prediction.js';
import { ProblemSchema } from '../doors/http/schemas/problem.js';
import { REFUSALS } from '../errors.js';
import type { PostAttempt } from './http-client.js';

/** What an attempt means for the dies that were posted with it. */
type AnswerVerdict =
  /** One prediction for each die, in the order sent. */
  | { readonly kind: 'answered'; readonly predictions: readonly Prediction[]; readonly latencyMs: number }
  /** Posting the same again cannot help; `eachAlone` where only one die of the call may be at fault. */
  | { readonly kind: 'refused'; readonly cause: string; readonly detail: string; readonly eachAlone: boolean }
  /** The same dies are to be posted again. */
  | {
      readonly kind: 'retry';
      readonly cause: string;
      readonly detail: string;
      readonly retryAfter: string | undefined;
    };

/** Of the 4xx answers those that mean "later". */
const LATER = new Set([408, 425, 429]);
/** Those that are about the body, so that a batch call may be refused for one of its dies. */
const ABOUT_THE_BODY = new Set([400, 413, 422]);

/**
 * Judges what came of posting these dies. A 200 counts only when it is a prediction for exactly these
 * dies in this order: an answer that is not is no answer, and the dies are posted again.
 */
export function judgeAnswer(
  attempt: PostAttempt,
  dieIds: readonly string[],
  form: 'die' | 'batch',
): AnswerVerdict {
  if (attempt.kind === 'lost') return { ...attempt, kind: 'retry', retryAfter: undefined };
  const { status, retryAfter, body, latencyMs } = attempt;
  if (status === 200) {
    const predictions = readPredictions(body, form);
    const fits =
      predictions?.length === dieIds.length && predictions.every(({ die_id }, i) => die_id === dieIds[i]);
    if (fits) return { kind: 'answered', predictions, latencyMs };
    const detail = 'the answer is not a prediction for each of the dies posted';
    return { kind: 'retry', cause: 'unreadable_answer', detail, retryAfter };
  }
  const { cause, detail } = describeProblem(status, body);
  if (status >= 500 || LATER.has(status)) return { kind: 'retry', cause, detail, retryAfter };
  return { kind: 'refused', cause, detail, eachAlone: dieIds.length > 1 && ABOUT_THE_BODY.has(status) };
}

function readPredictions(body: string, form: 'die' | 'batch'): readonly Prediction[] | undefined {
  const json = parseAnswer(body);
  if (form === 'batch') return PredictionsSchema.safeParse(json).data?.predictions;
  const prediction = PredictionSchema.safeParse(json).data;
  return prediction === undefined ? undefined : [prediction];
}

/**
 * An answer that is no success, in words. The cause is one of few: the status, and diegate's code where
 * it is one of its own.
 */
export function describeProblem(
  status: number,
  body: string,
): { readonly cause: string; readonly detail: string } {
  const problem = ProblemSchema.safeParse(parseAnswer(body)).data;
  if (problem === undefined) return { cause: `${status}`, detail: `status ${status}` };
  const code = problem.type.replace(/^urn:diegate:problem:/, '');
  const faults = problem.errors?.map(({ path, message }) => `${path}: ${message}`) ?? [];
  return {
    cause: code in REFUSALS ? `${status} ${code}` : `${status}`,
    detail: faults.length === 0 ? problem.detail : faults.slice(0, 3).join('; '),
  };
}

/** Undefined for what is not JSON, which no schema here takes either. */
export function parseAnswer(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
