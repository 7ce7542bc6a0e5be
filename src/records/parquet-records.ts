import type { SchemaElement } from 'hyparquet';
import type { BasicType, ColumnSource } from 'hyparquet-writer';
import { type GateRecord, GateRecordSchema, type KeptRecord } from './record.js';

/** A column of the table of records. */
interface RecordColumn {
  readonly name: string;
  readonly field: keyof GateRecord;
  readonly type: BasicType;
}

/** The columns of a sealed segment but for the row, by the names that dies have them under elsewhere. */
const COLUMNS: readonly RecordColumn[] = [
  { name: 'sequence', field: 'sequence', type: 'INT64' },
  { name: 'time', field: 'time', type: 'TIMESTAMP' },
  { name: 'kind', field: 'kind', type: 'STRING' },
  { name: 'die_id', field: 'dieId', type: 'STRING' },
  { name: 'lot_id', field: 'lot', type: 'STRING' },
  { name: 'wafer_id', field: 'wafer', type: 'STRING' },
  { name: 'x', field: 'x', type: 'INT32' },
  { name: 'y', field: 'y', type: 'INT32' },
  { name: 'insertion', field: 'insertion', type: 'STRING' },
  { name: 'touchdown', field: 'touchdown', type: 'INT64' },
  { name: 'equipment_id', field: 'equipment', type: 'STRING' },
  { name: 'stdf_file', field: 'stdfFile', type: 'STRING' },
  { name: 'door', field: 'door', type: 'STRING' },
  { name: 'key_id', field: 'keyId', type: 'STRING' },
  { name: 'request_id', field: 'requestId', type: 'STRING' },
  { name: 'trace_id', field: 'traceId', type: 'STRING' },
  { name: 'model', field: 'model', type: 'STRING' },
  { name: 'version', field: 'version', type: 'STRING' },
  { name: 'model_sha256', field: 'modelSha256', type: 'STRING' },
  { name: 'prediction', field: 'prediction', type: 'STRING' },
  { name: 'score', field: 'score', type: 'DOUBLE' },
  { name: 'confidence', field: 'confidence', type: 'DOUBLE' },
  { name: 'fallback', field: 'fallback', type: 'STRING' },
  { name: 'code', field: 'code', type: 'STRING' },
  { name: 'queue_ms', field: 'queueMs', type: 'FLOAT' },
  { name: 'run_ms', field: 'runMs', type: 'FLOAT' },
  { name: 'latency_ms', field: 'latencyMs', type: 'FLOAT' },
  { name: 'detail', field: 'detail', type: 'STRING' },
];

const ROW_HASH = 'row_sha256';
const ROW = 'test_params';

/** What is different from the types that columns have by themselves. */
export const RECORD_SCHEMA_OVERRIDES: Readonly<Record<string, SchemaElement>> = {
  [ROW_HASH]: {
    name: ROW_HASH,
    type: 'FIXED_LEN_BYTE_ARRAY',
    type_length: 32,
    repetition_type: 'OPTIONAL',
  },
};

const REQUIRED: ReadonlySet<string> = new Set(['sequence', 'time', 'kind']);
const ALL_DIFFERENT: ReadonlySet<string> = new Set([
  'die_id',
  'request_id',
  'score',
  'queue_ms',
  'latency_ms',
]);
// What a query over many segments leaves whole groups of rows out by.
const WITH_STATISTICS: ReadonlySet<string> = new Set(['sequence', 'time']);

/** Records as the columns of a table, in their order; without any, the columns alone. */
export function recordColumns(records: readonly KeptRecord[]): ColumnSource[] {
  const columns = COLUMNS.map(({ name, field, type }): ColumnSource => {
    const data = new Array<unknown>(records.length);
    records.forEach(({ record }, i) => {
      const value = record[field];
      data[i] = value === undefined ? null : type === 'INT64' ? BigInt(value) : value;
      if (type === 'TIMESTAMP') data[i] = new Date(record.time);
    });
    return {
      name,
      data,
      type,
      nullable: !REQUIRED.has(name),
      statistics: WITH_STATISTICS.has(name),
      ...(name === 'sequence' && { encoding: 'DELTA_BINARY_PACKED' as const }),
      // No two are alike: to look for repetitions would take longer than all else.
      ...(ALL_DIFFERENT.has(name) && { encoding: 'PLAIN' as const }),
    };
  });
  const rowHashes = records.map(({ record: { rowSha256 } }) =>
    rowSha256 === undefined ? null : Buffer.from(rowSha256, 'hex'),
  );
  // Bytes of float32, little-endian, as they were hashed.
  const rows = records.map(({ row }) =>
    row === undefined ? null : new Uint8Array(row.buffer, row.byteOffset, row.byteLength),
  );
  return [
    ...columns,
    { name: ROW_HASH, data: rowHashes, encoding: 'PLAIN', codec: 'UNCOMPRESSED' },
    { name: ROW, data: rows, type: 'BYTE_ARRAY', nullable: true, encoding: 'PLAIN' },
  ];
}

/** A row of the table as the record that it was made of. */
export function recordOfRow(row: Readonly<Record<string, unknown>>): KeptRecord {
  const found: Record<string, unknown> = {};
  for (const { name, field } of COLUMNS) {
    const value = row[name];
    if (value === null || value === undefined) continue;
    found[field] =
      value instanceof Date ? value.getTime() : typeof value === 'bigint' ? Number(value) : value;
  }
  const rowHash = row[ROW_HASH];
  if (rowHash instanceof Uint8Array) found.rowSha256 = Buffer.from(rowHash).toString('hex');
  const bytes = row[ROW];
  const record = GateRecordSchema.parse(found);
  if (!(bytes instanceof Uint8Array)) return { record, row: undefined };
  // Its own memory, which begins where a float32 may.
  return { record, row: new Float32Array(bytes.slice().buffer) };
}
