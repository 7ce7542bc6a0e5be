import type { Counted, Counting, RateHeaders, RateLimits } from '../callers/rates.js';
import { assertWithinBounds } from '../die/bounds.js';
import { fillCategories } from '../die/categories.js';
import type { MeasurementContract, Measurements } from '../die/die.js';
import { type Refusal, refusalOf } from '../errors.js';
import type { Inferred, PredictionRequest, Predictor } from '../prediction/predictor.js';
import type { Target } from '../routing/targets.js';
import type { Headers } from '../rows/decode/headers.js';
import { faultPath } from '../rows/decode/refusals.js';
import { assertReadAlike, type DieReader, type NamedByPath, type ReadCall } from '../rows/read-dies.js';
import type { Lane } from '../serving/batching/queue.js';
import type { RequestTrace } from '../tracing/tracer.js';
import { type AnswerTelling, readDeadlineMs, type ToldMessage, tellAnswered } from './message.js';

/** What the steps are made with: the same for all doors. */
export interface ExchangeParts extends AnswerTelling {
  /**
   * Where the dies of a message go, found before its body is read; a promise where a version is loaded first.
   * @throws Refusal where there is none, it is not ready or its queue is full
   */
  readonly admit: (model: string | undefined, version: string | undefined) => Target | Promise<Target>;
  /** Where the dies of a message that was let in go now, when its body has been read. */
  readonly renew: (target: Target) => Target;
  readonly rates: RateLimits;
  readonly reader: Pick<DieReader, 'release'>;
  readonly predictor: Pick<Predictor, 'infer'>;
}

/** Dies as a door has read them. */
export interface ReadDies extends ReadCall {
  /** Where a value stands in the message, for a refusal; as in /predict where it is left out. */
  readonly pathOf?: (die: number, parameter: number) => string;
}

const NONE: readonly Target[] = [];

/**
 * What one caller asked with one message, and what became of it. The way of its dies is written here and nowhere else:
 * {@link admit}, {@link renew}, {@link read} (with count), {@link predict}, {@link refuse}, {@link tell}. A door makes one for each
 * message and knows nothing but its protocol, which is what is abstract: the message as it came, how its dies are read, how an
 * answer and a refusal are written.
 *
 * Steps that may have to wait, for a version to be loaded, give a promise then and else undefined, so that a door that
 * has no time can leave the message to another one. No step but {@link predict} waits otherwise: between renew and the queue no
 * swap can come.
 */
export abstract class Exchange implements Counting, ToldMessage {
  abstract readonly requestId: string;
  /** Method of the request, and the pattern of its route, never the caller's own words: for metrics and log. */
  abstract readonly method: string;
  abstract readonly route: string;
  /** Who calls; empty where nobody was asked. */
  abstract readonly keyId: string;
  /** By names in lower case, in the words of HTTP: `x-deadline-ms`, `x-lot-id` and so on. */
  abstract readonly headers: Headers;
  /** When the message began to arrive, on the server's clock. */
  abstract readonly receivedAtMs: number;
  /** The trace that it is a part of; undefined for none. */
  abstract readonly trace: RequestTrace | undefined;
  /** Registers what is to happen when the client goes before it is answered. */
  abstract readonly onGone: (listener: () => void) => void;

  /** One die in the realtime lane, any number in the bulk lane. */
  lane: Lane = 'realtime';
  /** How many test parameters are asked for with each decision. */
  explain = 0;
  /** Whether the raw contributions of every die are asked for. */
  rawContributions = false;
  /** Milliseconds from arrival, as the protocol itself has them beside the header; the earlier of both holds. */
  timeoutMs: number | undefined;

  /** Where its dies go, from {@link admit} on. */
  target: Target | undefined;
  /** Where the same dies go as well. */
  further = NONE;
  /** Its dies, from {@link read} on. */
  measurements: Measurements | undefined;

  readonly #parts: ExchangeParts;
  #holdsRows = false;
  #isRefusalRecorded = false;

  constructor(parts: ExchangeParts) {
    this.#parts = parts;
  }

  /** Address of the caller. */
  abstract address(): string;

  /**
   * The dies of the message, read by the target's version; they may go to another target, which they name themselves.
   * @throws Refusal where they cannot be read
   */
  protected abstract readDies(target: Target): ReadDies | Promise<ReadDies>;

  /** Has the answer say what is left of the rate that the message was counted for; the last one holds. */
  protected abstract sayRate(rate: RateHeaders): void;

  /** Writes the answer; of several targets each die's predictions one after another. */
  protected abstract answer(inferred: Inferred): void;

  /** Writes the answer of a refusal. */
  protected abstract answerRefusal(refusal: Refusal): void;

  get traceId(): string | undefined {
    return this.trace?.traceId;
  }

  get isRefusalRecorded(): boolean {
    return this.#isRefusalRecorded;
  }

  get predicts(): boolean {
    return true;
  }

  /**
   * Lets the message in, before its body is read: counts it for its caller, finds where its dies go.
   * @param also further models or versions that are all to answer
   * @throws Refusal where it may not come in
   */
  admit(path: NamedByPath, also: readonly NamedByPath[] = []): Promise<void> | undefined {
    // Before anything is found: who is over its rate must not have a version loaded.
    this.countCaller();
    return this.find(path, also);
  }

  /** Whether the next message of its caller would be too many. */
  isOverRate(): boolean {
    return this.#parts.rates.isCallerUsedUp(this);
  }

  /** @throws Refusal `rate_limited` where it is one too many of its caller */
  countCaller(): void {
    this.#count(this.#parts.rates.countCaller(this));
  }

  /** @throws Refusal where the dies may not come in */
  find(path: NamedByPath, also: readonly NamedByPath[] = []): Promise<void> | undefined {
    const { admit, records } = this.#parts;
    records?.assertOpen();
    if (also.length > 0) {
      const all = [path, ...also].map(async ({ model, version }) => admit(model, version));
      return Promise.all(all).then(([first, ...further]) => {
        this.target = first;
        this.further = further;
        this.#assertAlike();
      });
    }
    const target = admit(path.model, path.version);
    if (target instanceof Promise)
      return target.then((found) => {
        this.target = found;
      });
    this.target = target;
    return undefined;
  }

  /** When the body came after the message was let in: what is served may have changed meanwhile. */
  renew(): void {
    const { renew } = this.#parts;
    this.target = renew(this.#found());
    if (this.further.length === 0) return;
    this.further = this.further.map(renew);
    this.#assertAlike();
  }

  /**
   * Reads the dies, judges them, and counts them for their equipment.
   * @throws Refusal where they cannot be read, break the contract or are too many
   */
  read(): Promise<void> | undefined {
    const read = this.readDies(this.#found());
    if (read instanceof Promise) return read.then((late) => this.#wasRead(late));
    this.#wasRead(read);
    return undefined;
  }

  /** Gives the rows of its dies back; by {@link predict}, or by a door that goes no further. */
  release(): void {
    const { target, measurements } = this;
    if (!this.#holdsRows || target === undefined || measurements === undefined) return;
    this.#holdsRows = false;
    this.#parts.reader.release(measurements, target.version.contract);
  }

  /** Predicts the dies that were read, and answers: resolves, whatever becomes of them, when the answer is written. */
  async predict(): Promise<void> {
    try {
      const inferred = await (this.further.length === 0
        ? this.#predictBy(this.#found())
        : this.#predictByAll());
      const { records } = this.#parts;
      if (records !== undefined) {
        const kept = records.answered(this, this.#measured(), inferred, () => this.#deadlineAtMs());
        if (kept !== undefined) await kept;
      }
      this.answer(inferred);
    } catch (error) {
      this.refuse(error);
    } finally {
      this.release();
    }
  }

  /** Answers with the refusal that an error means; what nobody foresaw is logged whole. */
  refuse(error: unknown): void {
    const refusal = refusalOf(error);
    if (refusal.code === 'internal_error')
      this.#parts.logger.error({ request_id: this.requestId, err: error }, 'unexpected error');
    // Here and not when it is told: who has gone is told nothing, and rows are given back before.
    this.#parts.records?.refused(this, this.measurements, refusal, this.#holdsRows);
    this.#isRefusalRecorded = true;
    this.answerRefusal(refusal);
  }

  /** Tells the observers, when the answer has been written. */
  tell(status: number, refusal: Refusal | undefined): void {
    tellAnswered(this.#parts, this, status, refusal);
  }

  #wasRead({ target, measurements, pathOf }: ReadDies): void {
    const { rates } = this.#parts;
    this.target = target;
    this.measurements = measurements;
    this.#holdsRows = true;
    try {
      judge(measurements, target.version.contract, pathOf ?? pathIn(this.lane));
      for (const { version } of this.further)
        judge(measurements, version.contract, pathOf ?? pathIn(this.lane));
      this.#count(rates.countEquipment(this, measurements.labels[0]?.equipment_id));
    } catch (error) {
      this.release();
      throw error;
    }
  }

  #count(counted: Counted | undefined): void {
    if (counted === undefined) return;
    this.sayRate(counted.headers);
    if (counted.refusal !== undefined) throw counted.refusal;
  }

  #predictBy({ version, assign, isNamed, shadows }: Target): Promise<Inferred> {
    const { trace } = this;
    const request: PredictionRequest = {
      requestId: this.requestId,
      keyId: this.keyId,
      trace,
      traceId: trace?.sampled ? trace.traceId : undefined,
      version,
      assign,
      isNamed,
      shadows,
      measurements: this.#measured(),
      lane: this.lane,
      receivedAtMs: this.receivedAtMs,
      deadlineMs: this.#deadlineMs(),
      explain: this.explain,
      rawContributions: this.rawContributions,
      onGone: this.onGone,
    };
    return this.#parts.predictor.infer(request);
  }

  /** All have to be done before the rows go back, also where one refuses. */
  async #predictByAll(): Promise<Inferred> {
    const targets = [this.#found(), ...this.further];
    const settled = await Promise.allSettled(targets.map(async (target) => this.#predictBy(target)));
    const answers = settled.map((one) => {
      if (one.status === 'rejected') throw one.reason;
      return one.value;
    });
    const predictions = (answers[0]?.predictions ?? []).flatMap((_, die) =>
      answers.flatMap((each) => each.predictions[die] ?? []),
    );
    const rowHashes = answers[0]?.rowHashes;
    return { predictions, contributions: undefined, fallback: undefined, queueMs: undefined, rowHashes };
  }

  /** Milliseconds from arrival that its caller asks for; undefined for the version's own. */
  #deadlineMs(): number | undefined {
    const { timeoutMs } = this;
    const asked = this.headers['x-deadline-ms'] === undefined ? undefined : readDeadlineMs(this.headers);
    if (asked === undefined || timeoutMs === undefined) return asked ?? timeoutMs;
    return Math.min(asked, timeoutMs);
  }

  /** When its answer is too late; where nobody asks for a deadline, from now on as long as a die may wait. */
  #deadlineAtMs(): number {
    const asked = this.#deadlineMs();
    if (asked !== undefined) return this.receivedAtMs + asked;
    return this.#parts.clock.nowMs() + this.#found().version.manifest.batching.defaultDeadlineMs;
  }

  #measured(): Measurements {
    if (this.measurements === undefined) throw new Error('the dies of the message were not read');
    return this.measurements;
  }

  #assertAlike(): void {
    const first = this.#found();
    for (const one of this.further) assertReadAlike(one, first);
  }

  #found(): Target {
    if (this.target === undefined) throw new Error('the target of the message was not found');
    return this.target;
  }
}

/** @throws Refusal `invalid_input` where a value is out of the contract's bounds, or no category */
function judge(
  measurements: Measurements,
  contract: MeasurementContract,
  pathOf: (die: number, parameter: number) => string,
): void {
  if (contract.categories !== undefined) fillCategories(measurements, contract, pathOf);
  if (contract.bounds !== undefined) assertWithinBounds(measurements, contract.bounds, pathOf);
}

const inBatch = (die: number, parameter: number) => faultPath([die, 'test_params', parameter]);
const alone = (_: number, parameter: number) => faultPath(['test_params', parameter]);

function pathIn(lane: Lane): typeof inBatch {
  return lane === 'bulk' ? inBatch : alone;
}
