/**
 * STDF V4: bytes in, records and parts out; records in, bytes out. What the rest of diegate uses of
 * this folder.
 */
export { ASSEMBLED, createPartAssembler, type PartAssembler } from './assembler.js';
export type { Damage, DamageKind, UnknownRecords } from './damage.js';
export { encodeRecord } from './encode.js';
export type { Bits, GenericValue } from './field-types.js';
export { startsWithFar } from './file-start.js';
export { type FlagVerdict, isAlarm, isUsable, partVerdict, testVerdict } from './flags.js';
export { type Display, NO_LIMITS, type TestLimits } from './limits-and-display.js';
export type { BinTally, Lot, Oddities, PartCounts } from './lot.js';
export { known } from './missing.js';
export { createParser, type Parser, type ParserOptions } from './parser.js';
export type { Part, Wafer } from './part.js';
export { hasUsableFlags, PartResults, type TestResult } from './part-results.js';
export { assembleParts, type PartStream } from './part-stream.js';
export { describeReport, type ReadReport } from './read-report.js';
export { readStdf, type StdfReader } from './reader.js';
export type { ByteOrder, RawRecord, RecordName, StdfRecord } from './records.js';
export { createTestDefaults, type TestDefaults, type TestDefinition } from './test-defaults.js';
export { farOf, type WriteOptions, writeStdf } from './writer.js';
