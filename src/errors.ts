/** Every refusal that diegate can answer: stable code, HTTP status, title. */
export const REFUSALS = {
  invalid_json: { status: 400, title: 'The body is not JSON' },
  bad_request: { status: 400, title: 'The request cannot be read' },
  unauthorized: { status: 401, title: 'An API key is needed' },
  forbidden: { status: 403, title: 'The API key lacks the permission' },
  not_found: { status: 404, title: 'No such route' },
  method_not_allowed: { status: 405, title: 'The route has other methods' },
  model_not_found: { status: 404, title: 'No such model' },
  version_not_found: { status: 404, title: 'No such model version' },
  drift_not_measured: { status: 404, title: 'The drift of this version is not measured' },
  change_conflict: { status: 409, title: 'The change conflicts with what is served' },
  request_timeout: { status: 408, title: 'The request did not arrive in time' },
  body_too_large: { status: 413, title: 'The body is too large' },
  batch_too_large: { status: 413, title: 'Too many dies in one call' },
  unsupported_media_type: { status: 415, title: 'The media type is not one that is read here' },
  invalid_input: { status: 422, title: 'The input breaks the contract' },
  unscorable_die: { status: 422, title: 'The model has no usable score for this die' },
  rate_limited: { status: 429, title: 'Too many prediction requests' },
  headers_too_large: { status: 431, title: 'The request headers are too large' },
  internal_error: { status: 500, title: 'Internal error' },
  queue_full: { status: 503, title: 'The queue is full' },
  draining: { status: 503, title: 'The server is shutting down' },
  records_unavailable: { status: 503, title: 'No record of the die can be kept' },
  model_not_ready: { status: 503, title: 'The model is not loaded' },
  state_not_saved: { status: 503, title: 'The change could not be saved' },
  inference_failed: { status: 503, title: 'The model could not be run' },
  deadline_exceeded: { status: 504, title: 'The deadline passed before the die was scored' },
} as const satisfies Record<string, { status: number; title: string }>;

export type RefusalCode = keyof typeof REFUSALS;

/** One fault of an input: where (path of keys and indexes, "" for the whole) and what is wrong. */
export interface InputFault {
  readonly path: string;
  readonly message: string;
}

/** At most this many faults are listed in one refusal; `totalFaults` counts all of them. */
export const MAX_LISTED_FAULTS = 20;

interface RefusalExtras {
  /** Faults of an invalid input, at most {@link MAX_LISTED_FAULTS}. */
  readonly faults?: readonly InputFault[];
  /** Number of all faults found, where more exist than are listed. */
  readonly totalFaults?: number;
  /** When the caller may try again, in whole seconds, at least 1. */
  readonly retryAfterSeconds?: number;
  /** Methods that the route has, where it has not the one that was asked for. */
  readonly allow?: readonly string[];
  readonly cause?: unknown;
}

/** A request, or one die of it, that is answered with a problem instead of a prediction. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly code: RefusalCode;
  readonly status: number;
  readonly title: string;
  readonly faults: readonly InputFault[] | undefined;
  readonly totalFaults: number | undefined;
  readonly retryAfterSeconds: number | undefined;
  readonly allow: readonly string[] | undefined;

  constructor(code: RefusalCode, detail: string, extras: RefusalExtras = {}) {
    super(detail, extras.cause === undefined ? undefined : { cause: extras.cause });
    this.code = code;
    this.status = REFUSALS[code].status;
    this.title = REFUSALS[code].title;
    this.faults = extras.faults;
    this.totalFaults = extras.totalFaults;
    this.retryAfterSeconds = extras.retryAfterSeconds;
    this.allow = extras.allow;
  }
}

/** Any error as the refusal that answers it; what nobody foresaw is a bare `internal_error`, its reason only for the log. */
export function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  return new Refusal('internal_error', 'the request could not be answered; the log has the reason', {
    cause: error,
  });
}

type FaultCode =
  | 'invalid_config'
  | 'invalid_model'
  | 'worker_failed'
  | 'invalid_data'
  | 'invalid_usage'
  | 'invalid_backup'
  | 'invalid_signature'
  | 'invalid_source'
  | 'gate_missed'
  | 'gate_open'
  | 'unhealthy';

/**
 * Something that stops the start or a command: one line for each problem, each naming the thing,
 * the value found and what was expected.
 */
export class Fault extends Error {
  override readonly name = 'Fault';
  readonly code: FaultCode;
  readonly problems: readonly string[];

  constructor(code: FaultCode, problems: readonly string[], cause?: unknown) {
    super(problems.join('\n'), cause === undefined ? undefined : { cause });
    this.code = code;
    this.problems = problems;
  }
}

/** What a command ends with that met this: 3 for what is neither well nor wrong before somebody decides, else 1. */
export function exitCodeOf(error: unknown): number {
  return error instanceof Fault && error.code === 'gate_open' ? 3 : 1;
}
