import { performance } from 'node:perf_hooks';
import type { MeasurementContract, Measurements, NamedModel } from '../die/die.js';
import type { Lane } from '../serving/batching/queue.js';
import { decodeDieBinary, decodeDiesBinary } from './decode/binary.js';
import { type Headers, labelFromHeaders, labelsFromHeaders } from './decode/headers.js';
import { decodeDie, decodeDies } from './decode/json.js';
import { PieceJoiner } from './decode/pieces.js';
import { namedInBody } from './decode/plain.js';
import { RowPool } from './row-pool.js';

/** A request's bytes and how they are to be read. */
export interface Body {
  readonly media: 'json' | 'binary';
  /** As they came, in one piece or more; none for no body. */
  readonly pieces: readonly Buffer[];
}

/** Who is told how long the bytes of an accepted request took to become measurements, milliseconds. */
export type DecodeObserver = (format: Body['media'], ms: number) => void;

/** What the dies of a request are read from. */
export interface DieRequest {
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
    const bytes = this.#joiner.join(pieces);
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
