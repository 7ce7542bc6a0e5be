import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { Measurements } from '../die/die.js';
import type { Refusal, RefusalCode } from '../errors.js';
import { tellEach } from '../observers.js';
import type { Inferred } from '../prediction/predictor.js';
import type { Target } from '../routing/targets.js';
import type { Headers } from '../rows/decode/headers.js';
import { invalidInput } from '../rows/decode/refusals.js';
import type { Clock } from '../serving/clock.js';

/** A message that has been answered, as observers see it. */
export interface Answered {
  readonly requestId: string;
  /** Of the trace that the message is a part of; undefined for none. */
  readonly traceId: string | undefined;
  readonly method: string;
  /** Pattern of the route, never the path of the caller; "" for a route that does not exist. */
  readonly route: string;
  /** Of the answer, as HTTP has it. */
  readonly status: number;
  /** Milliseconds from the message's headers to the last byte of the answer. */
  readonly durationMs: number;
  /** Code of the refusal that it was answered with; empty for none. */
  readonly refusalCode: RefusalCode | '';
  /** What the refusal said; empty for none. */
  readonly refusalDetail: string;
  /** Whether the route predicts dies. */
  readonly predicts: boolean;
  /** Address of the caller of a refused message; empty for all others. */
  readonly address: string;
  /** Who called: the id of a key, a token's subject, a certificate's name; empty where it was not known. */
  readonly keyId: string;
  /** The first die of the message and the equipment that measured it, where they were read. */
  readonly dieId: string | undefined;
  readonly equipmentId: string | undefined;
}

/** Who is told of answered messages; told, never asked. */
export type AnswerObserver = (answered: Answered) => void;

/** A message as a record of its dies shows it. */
export interface RecordedMessage
  extends Pick<ToldMessage, 'requestId' | 'traceId' | 'route' | 'keyId' | 'receivedAtMs' | 'target'> {}

/** Who keeps a record of every die that was let in and of every die that was refused. */
export interface MessageRecorder {
  /** @throws Refusal `records_unavailable` where no more dies may come in, as no record of them can be kept */
  assertOpen(): void;
  /**
   * Dies were judged, and are to be answered.
   * @param measurements whose rows may be read until this returns
   * @param deadlineAtMs asked for only where the answer has to wait
   * @returns what the answer has to wait for; rejects with a Refusal where that takes too long
   */
  answered(
    message: RecordedMessage,
    measurements: Measurements,
    inferred: Inferred,
    deadlineAtMs: () => number,
  ): Promise<void> | undefined;
  /**
   * Dies were refused, or a message before its dies were read.
   * @param hasRows whether the rows of the measurements may be read until this returns
   */
  refused(
    message: RecordedMessage,
    measurements: Measurements | undefined,
    refusal: Refusal,
    hasRows: boolean,
  ): void;
}

/** Whom to tell of answered messages. */
export interface AnswerTelling {
  /** Undefined where no records are kept. */
  readonly records?: MessageRecorder | undefined;
  readonly clock: Clock;
  readonly observers: readonly AnswerObserver[];
  readonly logger: { error(fields: object, message: string): void };
}

/** What is told of a message, whatever it asked for. */
export interface ToldMessage
  extends Pick<Answered, 'requestId' | 'traceId' | 'method' | 'route' | 'predicts' | 'keyId'> {
  /** When its headers had arrived, on the server's clock. */
  readonly receivedAtMs: number;
  address(): string;
  /** Its dies, where they were read. */
  readonly measurements: Measurements | undefined;
  /** Where its dies were to go, where that is known. */
  readonly target: Target | undefined;
  /** Whether its refusal has been recorded. */
  readonly isRefusalRecorded: boolean;
}

/** Tells all observers of a message that has been answered just now; a fault of theirs harms nobody. */
export function tellAnswered(
  { clock, observers, logger, records }: AnswerTelling,
  message: ToldMessage,
  status: number,
  refusal: Refusal | undefined,
): void {
  const { requestId, traceId, method, route, predicts, keyId, receivedAtMs, measurements } = message;
  const label = measurements?.labels[0];
  const answered: Answered = {
    requestId,
    traceId,
    method,
    route,
    status,
    durationMs: clock.nowMs() - receivedAtMs,
    refusalCode: refusal?.code ?? '',
    refusalDetail: refusal?.message ?? '',
    predicts,
    address: refusal === undefined ? '' : message.address(),
    keyId,
    dieId: label?.die_id,
    equipmentId: label?.equipment_id ?? undefined,
  };
  if (records !== undefined && refusal !== undefined && predicts && !message.isRefusalRecorded)
    records.refused(message, measurements, refusal, false);
  tellEach(
    observers,
    (observe) => observe(answered),
    // The message has been answered: it must not be refused as well.
    (error) => logger.error({ request_id: requestId, err: error }, 'an observer failed'),
  );
}

const MAX_DEADLINE_MS = 600_000;

const deadlineError = ({ input }: { input: unknown }) =>
  `expected whole milliseconds from 1 to ${MAX_DEADLINE_MS}, found "${String(input).slice(0, 40)}"`;

/** The header of a deadline, as every door takes it: milliseconds as text. */
export const DeadlineSchema = z
  .string()
  .regex(/^[1-9]\d{0,5}$/, { error: deadlineError })
  .transform(Number)
  .refine((ms) => ms <= MAX_DEADLINE_MS, { error: deadlineError })
  .optional()
  .describe('Milliseconds from arrival within which the dies must be scored, else 504');

/**
 * The deadline that a caller asks for in `x-deadline-ms`, milliseconds from arrival.
 * @throws Refusal `invalid_input`
 */
export function readDeadlineMs({ 'x-deadline-ms': given }: Headers): number | undefined {
  if (given === undefined) return undefined;
  const read = DeadlineSchema.safeParse(given);
  if (read.success) return read.data;
  throw invalidInput([
    { path: 'x-deadline-ms', message: read.error.issues[0]?.message ?? deadlineError({ input: given }) },
  ]);
}

// Visible ASCII without quotes: safe in a header, a log line and a shell.
const ACCEPTABLE = /^[A-Za-z0-9._:/+=@-]{1,128}$/;

/**
 * Makes request ids: the caller's own `x-request-id` where it is an acceptable one, else a random
 * prefix of this process and a counter.
 */
export function createRequestIds(): (raw: { readonly headers: Headers }) => string {
  const prefix = randomBytes(6).toString('hex');
  let count = 0;
  return (raw) => {
    const given = raw.headers['x-request-id'];
    return typeof given === 'string' && ACCEPTABLE.test(given)
      ? given
      : `${prefix}-${(++count).toString(36)}`;
  };
}
