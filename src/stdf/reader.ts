import { Fault } from '../errors.js';
import { PackedDamage } from '../unpack/packed-damage.js';
import { unpack } from '../unpack/unpack.js';
import { FAR_BYTES, startsWithFar } from './file-start.js';
import { createParser, type Parser, type ParserOptions } from './parser.js';
import type { ReadReport } from './read-report.js';
import type { RawRecord, RecordName, StdfRecord } from './records.js';

/** Bytes parsed at a time: bounds how many records are in memory, whatever the source's chunks are. */
const SLICE_BYTES = 64 * 1024;

/** The records of one STDF file. It can be read once, in one of its two ways. */
export interface StdfReader<Item> extends AsyncIterable<Item> {
  /** The same records in arrays, one for each piece of the file: about twice as fast as one by one. */
  batches(): AsyncIterable<readonly Item[]>;
  /** Whole after the last record, else as far as read. */
  report(): ReadReport;
}

/** What a reader delivers with these options. */
type Delivered<Options extends ParserOptions> =
  | StdfRecord<
      Options extends { readonly only: readonly (infer Name extends RecordName)[] } ? Name : RecordName
    >
  | (Options extends { readonly raw: true } ? RawRecord : never);

/**
 * Reads STDF V4, plain or packed (told by its first bytes), of either byte order. The source is read
 * only as fast as records are taken. Errors of the source are thrown as they are; a file that is
 * not STDF V4 throws a Fault `invalid_data`; all other damage is in the report, after every record
 * that could be read.
 *
 *     const lot = readStdf(createReadStream('lot.stdf.gz'), { only: ['Pir', 'Ptr', 'Prr'] });
 *     for await (const record of lot) ...
 *     lot.report().damage
 */
export function readStdf<const Options extends ParserOptions = Record<never, never>>(
  source: AsyncIterable<Uint8Array>,
  options?: Options,
): StdfReader<Delivered<Options>> {
  const parser = createParser(options);
  // The parser delivers exactly what `only` and `raw` ask for; the type says the same of the options.
  const batches = () => parse(parser, source) as AsyncIterable<readonly Delivered<Options>[]>;
  return {
    batches,
    report: () => parser.report(),
    [Symbol.asyncIterator]: () => oneByOne(batches()),
  };
}

/**
 * The items of the batches, to be asked for one at a time as `for await` does. Not a generator: an
 * async generator takes twice as long for each item.
 */
function oneByOne<Item>(batches: AsyncIterable<readonly Item[]>): AsyncIterator<Item> {
  const source = batches[Symbol.asyncIterator]();
  let batch: readonly Item[] = [];
  let at = 0;
  async function refill(): Promise<IteratorResult<Item, undefined>> {
    for (;;) {
      const { done, value } = await source.next();
      if (done) return { done, value: undefined };
      batch = value;
      at = 0;
      const first = batch[at++];
      if (first !== undefined) return { done: false, value: first };
    }
  }
  return {
    next() {
      const item = batch[at];
      if (item === undefined) return refill();
      at++;
      return Promise.resolve({ done: false, value: item });
    },
    async return() {
      await source.return?.();
      return { done: true, value: undefined };
    },
  };
}

async function* parse(
  parser: Parser,
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<readonly (StdfRecord | RawRecord)[], void, void> {
  for await (const slice of slicesOf(source, parser)) {
    const batch: (StdfRecord | RawRecord)[] = [];
    parser.push(slice, batch);
    if (batch.length > 0) yield batch;
  }
  const last: (StdfRecord | RawRecord)[] = [];
  parser.end(last);
  if (last.length > 0) yield last;
}

/** The bytes of the file itself in small pieces. */
export async function* slicesOf(
  source: AsyncIterable<Uint8Array>,
  parser: Parser,
): AsyncGenerator<Uint8Array, void, void> {
  for await (const chunk of unpacked(source, parser)) {
    for (let at = 0; at < chunk.length; at += SLICE_BYTES) yield chunk.subarray(at, at + SLICE_BYTES);
  }
}

/** The bytes of the file itself. A packed file that fails ends here, and is noted as damage. */
async function* unpacked(
  source: AsyncIterable<Uint8Array>,
  parser: Parser,
): AsyncGenerator<Uint8Array, void, void> {
  let bytes = 0;
  let packing = 'packed';
  try {
    const onPacking = (found: string) => {
      packing = found;
    };
    for await (const chunk of unpack(source, { onPacking, wanted: startsWithFar })) {
      bytes += chunk.length;
      yield chunk;
    }
  } catch (error) {
    if (!(error instanceof PackedDamage)) throw error;
    if (bytes < FAR_BYTES) {
      throw new Fault('invalid_data', [`${packing}, ${error.kind}: ${error.message}`], error);
    }
    parser.note(DAMAGE_OF[error.kind]);
  }
}

const DAMAGE_OF = {
  truncated: 'truncated_packing',
  corrupt: 'corrupt_packing',
  bomb: 'packing_bomb',
} as const;
