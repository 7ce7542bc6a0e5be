import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { realDisk } from '../../src/records/disk.js';
import { LookUp } from '../../src/records/look-up.js';
import { ENTRY_HEAD_BYTES, RECORD_BYTES_AT } from '../../src/records/open-segment.js';
import type { NewRecord } from '../../src/records/record.js';
import { encodeGateRecord, recordMemory, roomForRecord } from '../../src/records/record-codec.js';
import { sealSegment } from '../../src/records/seal.js';
import { SegmentWriter } from '../../src/records/segment-writer.js';

/**
 * node dist/.bench/bench/records/week.js [--days 7] [--dies 500000]: writes a simulated week of records as a server does, an hour a
 * segment, seals it, and prints what 90 days take on the disk and how long the look-up of one die takes.
 */
const { values } = parseArgs({
  options: { days: { type: 'string', default: '7' }, dies: { type: 'string', default: '500000' } },
});
const days = Number(values.days);
const diesADay = Number(values.dies);
const folder = mkdtempSync(join(tmpdir(), 'diegate-week-'));
const say = (line: string) => process.stdout.write(`${line}\n`);

const START = Date.UTC(2026, 10, 23);
const MODEL = Buffer.from('5b1c'.repeat(16), 'hex');
let seed = 1;
/** A number from 0 to 1, the same in every run. */
function random(): number {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
  return seed / 2 ** 32;
}

/** 8 testers, each on its own lot of 25 wafers of 600 dies; one in a hundred dies is sent to a version of its own. */
function dieAt(n: number, time: number): NewRecord {
  const tester = n % 8;
  const of = Math.floor(n / 8);
  const wafer = Math.floor(of / 600);
  const at = of % 600;
  const lot = `LOT${String(4711 + tester + 8 * Math.floor(wafer / 25))}`;
  const score = Math.fround(random() ** 8);
  return {
    kind: 'prediction',
    time,
    dieId: `${lot}_W${(wafer % 25) + 1}_${at}`,
    lot,
    wafer: `${lot}_W${(wafer % 25) + 1}`,
    x: at % 25,
    y: Math.floor(at / 25),
    insertion: 'cp1',
    touchdown: at,
    equipment: `tester-${tester}`,
    stdfFile: `${lot}_W${(wafer % 25) + 1}.stdf.gz`,
    door: '/predict',
    keyId: 'floor-1',
    requestId: `5f3a90c1b2d4-${n.toString(36)}`,
    model: 'die-defect',
    version: '1',
    prediction: score > 0.9 ? 'fail' : 'pass',
    score,
    confidence: Math.round(random() * 1e6) / 1e6,
    queueMs: random(),
    runMs: Math.round(random() * 1000) / 1000,
    latencyMs: 1 + random(),
  };
}

function chunkOf(from: number, count: number, startMs: number, stepMs: number): Buffer {
  const parts: Buffer[] = [];
  for (let i = 0; i < count; i++) {
    const record = dieAt(from + i, Math.round(startMs + i * stepMs));
    const memory = recordMemory(new ArrayBuffer(ENTRY_HEAD_BYTES + roomForRecord(record)));
    const hash = createHash('sha256')
      .update(String(from + i))
      .digest();
    const end = encodeGateRecord(memory, ENTRY_HEAD_BYTES, record, MODEL, hash);
    memory.bytes.writeUInt32LE(end - ENTRY_HEAD_BYTES, RECORD_BYTES_AT);
    parts.push(memory.bytes.subarray(0, end));
  }
  return Buffer.concat(parts);
}

const perHour = Math.round(diesADay / 24);
let sealedMs = 0;
let openBytes = 0;
let n = 0;
for (let hour = 0; hour < days * 24; hour++) {
  const segment = hour + 1;
  const writer = new SegmentWriter({ folder, disk: realDisk, segment, next: n });
  const stepMs = 3_600_000 / perHour;
  for (let i = 0; i < perHour; i += 1000) {
    const count = Math.min(1000, perHour - i);
    writer.take({ bytes: chunkOf(n, count, START + hour * 3_600_000 + i * stepMs, stepMs), records: count });
    writer.write();
    n += count;
  }
  openBytes += writer.bytes;
  writer.roll();
  const begun = performance.now();
  await sealSegment(segment, { folder, name: 'bench', keyFile: undefined });
  sealedMs += performance.now() - begun;
}

const bytesOf = new Map<string, number>();
for (const name of readdirSync(folder)) {
  const part = name.split('.').at(-1) ?? '';
  bytesOf.set(part, (bytesOf.get(part) ?? 0) + statSync(join(folder, name)).size);
}
const total = [...bytesOf.values()].reduce((sum, bytes) => sum + bytes, 0);
say(`${n} records in ${days * 24} segments; open ${(openBytes / n).toFixed(0)} bytes a record`);
for (const [part, bytes] of bytesOf) say(`  ${part.padEnd(10)} ${(bytes / n).toFixed(1)} bytes a record`);
say(`  together   ${(total / n).toFixed(1)} bytes a record`);
say(`90 days of ${diesADay} dies a day: ${((total / n) * diesADay * 90 * 1e-9).toFixed(2)} GB`);
say(`sealing: ${((sealedMs / n) * 1000).toFixed(1)} µs a record`);

const lookUp = new LookUp(folder);
const times: number[] = [];
for (let i = 0; i < 50; i++) {
  const { dieId = '', wafer = '', x = 0, y = 0 } = dieAt(Math.floor(random() * n), 0);
  const key = { lot: undefined, wafer, x, y, insertion: undefined, touchdown: undefined };
  const begun = performance.now();
  const found = await lookUp.find(i % 2 === 0 ? { dieId } : { key });
  times.push(performance.now() - begun);
  if (!found.some((record) => record.dieId === dieId)) throw new Error(`${dieId} was not found`);
}
const sorted = times.slice(1).sort((a, b) => a - b);
say(
  `look-up of a die: the first ${(times[0] ?? 0).toFixed(1)} ms, then median ${(sorted[24] ?? 0).toFixed(1)} ms, longest ${(sorted.at(-1) ?? 0).toFixed(1)} ms`,
);
rmSync(folder, { recursive: true });
