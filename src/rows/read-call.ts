import type { Measurements, NamedModel } from '../die/die.js';
import { Refusal } from '../errors.js';
import { contractDifference } from '../models/read-alike.js';
import type { Target } from '../routing/targets.js';
import type { Lane } from '../serving/batching/queue.js';
import { invalidInput } from './decode/refusals.js';
import type { DieReader, DieRequest } from './read-dies.js';

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
export interface ArrivedCall {
  readonly request: DieRequest;
  readonly path: NamedByPath;
  /** Where its path leads. */
  readonly target: Target;
  readonly lane: Lane;
}

export interface CallReaderOptions {
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
