import { performance } from 'node:perf_hooks';
import type { MeasurementContract, Measurements, NamedModel } from '../die/die.js';
import { Refusal } from '../errors.js';
import { contractDifference } from '../models/read-alike.js';
import type { Target } from '../routing/targets.js';
import type { Lane } from '../serving/batching/queue.js';
import { decodeDieBinary, decodeDiesBinary } from './decode/binary.js';
import { type Headers, labelFromHeaders, labelsFromHeaders } from './decode/headers.js';
import { decodeDie, decodeDies } from './decode/json.js';
import { PieceJoiner } from './decode/pieces.js';
import { namedInBody } from './decode/plain.js';
import { invalidInput } from './decode/refusals.js';
import type { RowAllocator } from './decode/row-allocator.js';

/** A request's bytes and how they are to be read. */
export interface Body {
  readonly media: 'json' | 'binary';
  /** As they came, in one piece or more; none for no body. */
  readonly pieces: readonly Buffer[];
}

/** Who is told how long the bytes of an accepted request took to become measurements, milliseconds. */
export type DecodeObserver = (format: Body['media'], ms: number) => void;

/** What the dies of a request are read from. */
interface DieRequest {
  readonly id: string;
  readonly headers: Headers;
  readonly body: Body;
}

/** Reads the dies of requests, by their media type and by whether one die or many are expected. */
export class DieReader {
  readonly #maxBatchDies: number;
  readonly #onDecoded: DecodeObserver;
  // By number of parameters: versions that read as many share their rows.
  readonly #rows = new Map<number, RowPool>();
  readonly #joiner = new PieceJoiner();

  constructor(maxBatchDies: number, onDecoded: DecodeObserver) {
    this.#maxBatchDies = maxBatchDies;
    this.#onDecoded = onDecoded;
  }

  /**
   * The dies of a request: one in the realtime lane, any number in the bulk lane.
   * @throws Refusal `invalid_json`, `invalid_input` or `batch_too_large`
   */
  read(request: DieRequest, contract: MeasurementContract, lane: Lane): Measurements {
    const startedMs = performance.now();
    const measurements = this.#decode(request, contract, lane);
    this.#onDecoded(request.body.media, performance.now() - startedMs);
    return measurements;
  }

  #decode(
    { id, headers, body: { media, pieces } }: DieRequest,
    contract: MeasurementContract,
    lane: Lane,
  ): Measurements {
    const rows = this.#rowsOf(contract.parameterCount);
    if (media === 'binary') {
      return lane === 'realtime'
        ? decodeDieBinary(pieces, contract, labelFromHeaders(headers, contract.otherLabels), rows)
        : decodeDiesBinary(pieces, contract, this.#maxBatchDies, rows, (dies) =>
            labelsFromHeaders(headers, dies, id, contract.otherLabels),
          );
    }
    // Nothing of the bytes is kept: values go to the rows, and texts are copies.
    const bytes = pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : this.#joiner.join(pieces);
    return lane === 'realtime'
      ? decodeDie(bytes, contract, rows)
      : decodeDies(bytes, contract, this.#maxBatchDies, rows);
  }

  /** Who is to answer the dies of a request, valid or not, as they say themselves. */
  namedIn({ body: { media, pieces } }: DieRequest): NamedModel | undefined {
    return media === 'json' ? namedInBody(this.#joiner.join(pieces)) : undefined;
  }

  /** Takes back the rows of dies that have been answered; nobody may refer to them any more. */
  release({ params }: Measurements, contract: MeasurementContract): void {
    this.#rowsOf(contract.parameterCount).give(params);
  }

  #rowsOf(parameterCount: number): RowPool {
    let rows = this.#rows.get(parameterCount);
    if (rows === undefined) {
      rows = new RowPool(parameterCount);
      this.#rows.set(parameterCount, rows);
    }
    return rows;
  }
}

/** The model and version that a path names, where it does. */
export interface NamedByPath {
  readonly model?: string | undefined;
  readonly version?: string | undefined;
}

/** Dies that were read, and where they go. */
export interface ReadCall {
  readonly target: Target;
  /** Read by the contract of the target's version. */
  readonly measurements: Measurements;
}

/** A call whose body has come, and that was let in by its path. */
interface ArrivedCall {
  readonly request: DieRequest;
  readonly path: NamedByPath;
  /** Where its path leads. */
  readonly target: Target;
  readonly lane: Lane;
}

interface CallReaderOptions {
  readonly reader: DieReader;
  /** See `ExchangeParts.admit`: for dies that name another model or version than their path leads to. */
  readonly admit: (model: string, version: string | undefined) => Target | Promise<Target>;
}

/**
 * Reads the dies of calls, on every way. Who is to answer is what the dies say themselves, where they say it and the
 * path does not say otherwise: a die is never answered by another model than the one it names.
 */
export class CallReader {
  readonly #reader: DieReader;
  readonly #admit: CallReaderOptions['admit'];

  constructor({ reader, admit }: CallReaderOptions) {
    this.#reader = reader;
    this.#admit = admit;
  }

  /**
   * The dies of a call; a promise where a version has to be loaded first, and then not to be read meanwhile.
   * @throws Refusal of the reader, `invalid_input` where path and die name two, or of `admit`
   */
  read(call: ArrivedCall): ReadCall | Promise<ReadCall> {
    const { request, target, lane } = call;
    let measurements: Measurements;
    try {
      measurements = this.#reader.read(request, target.version.contract, lane);
    } catch (error) {
      return this.#readByAnother(call, error);
    }
    if (measurements.named === undefined) return { target, measurements };
    try {
      const named = this.#targetOf(call, measurements.named);
      if (named === target) return { target, measurements };
      this.release({ target, measurements });
      return this.#readFor(call, named);
    } catch (error) {
      this.release({ target, measurements });
      throw error;
    }
  }

  /** Takes back the rows of dies that have been answered; nobody may refer to them any more. */
  release({ target, measurements }: ReadCall): void {
    this.#reader.release(measurements, target.version.contract);
  }

  /**
   * Dies that the path's version cannot read may be those of the one that they name.
   * @throws the refusal that it ended in, where they are not
   */
  #readByAnother(call: ArrivedCall, error: unknown): ReadCall | Promise<ReadCall> {
    if (!(error instanceof Refusal) || error.code !== 'invalid_input') throw error;
    const named = this.#reader.namedIn(call.request);
    const found = named === undefined ? call.target : this.#targetOf(call, named);
    if (found === call.target || isReadAlike(found, call.target)) throw error;
    return this.#readFor(call, found);
  }

  #readFor({ request, lane }: ArrivedCall, found: Target | Promise<Target>): ReadCall | Promise<ReadCall> {
    const readBy = (target: Target): ReadCall => ({
      target,
      measurements: this.#reader.read(request, target.version.contract, lane),
    });
    return found instanceof Promise ? found.then(readBy) : readBy(found);
  }

  #targetOf({ path, target }: ArrivedCall, named: NamedModel): Target | Promise<Target> {
    assertSame('model_name', path.model, named.model);
    assertSame('model_version', path.version, named.version);
    const model = named.model ?? target.entry.name;
    if (model === target.entry.name && (named.version === undefined || named.version === path.version))
      return target;
    return this.#admit(model, named.version);
  }
}

function isReadAlike(found: Target | Promise<Target>, target: Target): boolean {
  return !(found instanceof Promise) && found.version.contract === target.version.contract;
}

/** @throws Refusal `invalid_input` where both name one, and not the same */
export function assertSame(path: string, byPath: string | undefined, byDie: string | undefined): void {
  if (byPath === undefined || byDie === undefined || byPath === byDie) return;
  const message = `expected "${byPath}" as the path of the request says, or nothing; found "${byDie}"`;
  throw invalidInput([{ path, message }]);
}

/** @throws Refusal `invalid_input` where the dies of one version cannot be scored by the other as they are */
export function assertReadAlike({ version }: Target, first: Target): void {
  const difference = contractDifference(version, first.version);
  if (difference === undefined) return;
  const message = `expected models that read the same parameters, found ${version.key} and ${first.version.key} with ${difference}`;
  throw invalidInput([{ path: 'models', message }]);
}

// Bytes kept for reuse: some hundred single dies, or the batch calls of a few testers.
const MAX_KEPT_BYTES = 8 * 1024 * 1024;

/**
 * Recycles the row buffers of calls, by their number of dies: a new buffer for each call would be most of
 * what the hot path allocates, and it is off-heap memory, which drives the garbage collector hardest.
 */
export class RowPool implements RowAllocator {
  readonly #parameterCount: number;
  // By number of dies: a tester sends the same number again and again.
  readonly #free = new Map<number, Float32Array[]>();
  // Only what was lent here comes back, and once: a view of a request's own bytes, or a row given back
  // twice, would hand one buffer to two calls.
  readonly #lent = new Set<Float32Array>();
  #keptBytes = 0;

  constructor(parameterCount: number) {
    this.#parameterCount = parameterCount;
  }

  take(dies: number): Float32Array {
    const recycled = this.#free.get(dies)?.pop();
    if (recycled !== undefined) this.#keptBytes -= recycled.byteLength;
    const rows = recycled ?? new Float32Array(dies * this.#parameterCount);
    this.#lent.add(rows);
    return rows;
  }

  give(rows: Float32Array): void {
    if (!this.#lent.delete(rows)) return;
    if (this.#keptBytes + rows.byteLength > MAX_KEPT_BYTES) {
      // Sizes that nobody asks for any more must not keep out those that are in use.
      this.#free.clear();
      this.#keptBytes = 0;
    }
    const dies = rows.length / this.#parameterCount;
    const same = this.#free.get(dies);
    if (same === undefined) this.#free.set(dies, [rows]);
    else same.push(rows);
    this.#keptBytes += rows.byteLength;
  }
}
