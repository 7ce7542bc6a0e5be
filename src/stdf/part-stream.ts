import { ASSEMBLED, createPartAssembler } from './assembler.js';
import type { Lot } from './lot.js';
import type { Part } from './part.js';
import type { ReadReport } from './read-report.js';
import { readStdf } from './reader.js';

/** The parts of one STDF file, each as soon as its PRR has been read. Can be read once. */
export interface PartStream extends AsyncIterable<Part> {
  /** The lot so far; whole after the last part. */
  lot(): Lot;
  /** The file so far; whole after the last part. */
  report(): ReadReport;
}

/**
 * Reads an STDF file (plain or gzip) as parts; back-pressure and errors as {@link readStdf}. Parts
 * that never ended come last, marked `not_ended`.
 */
export function assembleParts(source: AsyncIterable<Uint8Array>): PartStream {
  const reader = readStdf(source, { only: ASSEMBLED });
  const assembler = createPartAssembler();
  return {
    lot: () => assembler.lot(),
    report: () => reader.report(),
    async *[Symbol.asyncIterator]() {
      for await (const batch of reader.batches()) {
        for (const record of batch) {
          const part = assembler.push(record);
          if (part !== undefined) yield part;
        }
      }
      yield* assembler.end();
    },
  };
}
