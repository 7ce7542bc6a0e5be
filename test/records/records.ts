import fc from 'fast-check';
import { type GateRecord, RECORD_KINDS } from '../../src/records/record.js';

/** A record of a die, with everything that is not said left out. */
export function dieRecord(changes: Partial<GateRecord> = {}): GateRecord {
  return {
    sequence: 0,
    time: Date.UTC(2026, 11, 1),
    kind: 'prediction',
    dieId: 'd1',
    lot: 'L1',
    wafer: 'W1',
    x: 3,
    y: -4,
    door: '/predict',
    requestId: 'r-1',
    model: 'sum',
    version: '1',
    prediction: 'pass',
    score: 0.25,
    confidence: 0.99,
    queueMs: 0.5,
    runMs: 0.25,
    latencyMs: 1,
    ...changes,
  };
}

const optional = <T>(values: fc.Arbitrary<T>) => fc.option(values, { nil: undefined });
const text = optional(fc.string({ unit: 'grapheme', maxLength: 60 }));
const finite = optional(fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0));
const ms = optional(fc.float({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0));
const hash = optional(
  fc.uint8Array({ minLength: 32, maxLength: 32 }).map((b) => Buffer.from(b).toString('hex')),
);

/** Any record that can be written. */
export const anyRecord: fc.Arbitrary<GateRecord> = fc.record({
  sequence: fc.nat(),
  time: fc.integer({ min: 0, max: 4e12 }),
  kind: fc.constantFrom(...RECORD_KINDS),
  dieId: text,
  lot: text,
  wafer: text,
  x: optional(fc.integer({ min: -32767, max: 32767 })),
  y: optional(fc.integer({ min: -32767, max: 32767 })),
  insertion: text,
  touchdown: optional(fc.integer({ min: 0, max: 999_999_999 })),
  equipment: text,
  stdfFile: text,
  door: text,
  keyId: text,
  requestId: text,
  traceId: text,
  model: text,
  version: text,
  modelSha256: hash,
  prediction: fc.constantFrom(undefined, 'pass', 'fail'),
  score: finite,
  confidence: finite,
  fallback: text,
  code: text,
  queueMs: ms,
  runMs: ms,
  latencyMs: ms,
  rowSha256: hash,
  detail: text,
});
