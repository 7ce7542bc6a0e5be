import { ASSEMBLED, type AssemblerOptions, createPartAssembler } from './assembler.js';
import type { Lot } from './lot.js';
import { createParser, type RecordSink } from './parser.js';
import type { Part } from './part.js';
import type { ReadReport } from './read-report.js';
import { slicesOf } from './reader.js';

/** The parts of one STDF file, each as soon as its PRR has been read. Can be read once. */
export interface PartStream extends AsyncIterable<Part> {
  /** The lots so far, by {@link Part.lot}; each is always the same object, whole after the last part. */
  lots(): readonly Lot[];
  /** The file so far; whole after the last part. */
  report(): ReadReport;
}

/**
 * Reads an STDF file (plain or packed) as parts; back-pressure and errors as `readStdf`. Parts that never
 * ended come last, marked `not_ended`. With `lend` the results of a part are valid only until the next part
 * is asked for.
 */
export function assembleParts(source: AsyncIterable<Uint8Array>, options: AssemblerOptions = {}): PartStream {
  const assembler = createPartAssembler(options);
  const parser = createParser({ only: ASSEMBLED, shortcut: assembler.shortcut });
  let parts: Part[] = [];
  const sink: RecordSink = {
    push(record) {
      for (const part of assembler.push(record)) parts.push(part);
    },
  };
  return {
    lots: () => assembler.lots(),
    report: () => parser.report(),
    async *[Symbol.asyncIterator]() {
      for await (const slice of slicesOf(source, parser)) {
        parser.push(slice, sink);
        yield* parts;
        parts = [];
        assembler.takeBack();
      }
      parser.end(sink);
      yield* parts;
      yield* assembler.end();
    },
  };
}
