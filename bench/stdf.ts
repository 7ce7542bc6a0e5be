/**
 * How fast is STDF read and written, and in how much memory?
 *
 *     npm run bench:build
 *     node dist/.bench/bench/stdf.js [lot.stdf.gz] [gigabytes]
 *
 * A lot is repeated to the wanted size as it is read, so nothing of that size is ever in memory or
 * on disk; without a lot, a made one of the same shape is used. Every case checks its counts first.
 * Plain cases run on one core; gzip uses a thread of libuv beside it.
 */
import { existsSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { gunzipSync, gzipSync } from 'node:zlib';
import * as stdf from '../src/stdf/stdf.js';

const [path = '../shared/data/lot2.stdf.gz', gigabytes = '2'] = process.argv.slice(2);
const lot = existsSync(path) ? gunzipSync(readFileSync(path)) : madeLot();
const whole = await count(stdf.readStdf(once(lot)));
const say = (line: string) => process.stdout.write(`${line}\n`);

/** A lot of 800 parts with 66 PTRs each, all fields there: the shape of a datalog. */
function madeLot(): Buffer {
  const records: stdf.StdfRecord[] = [];
  for (let part = 0; part < 800; part++) {
    records.push({ type: 'Pir', headNum: 1, siteNum: 0 });
    for (let i = 0; i < 66; i++) records.push(madePtr(1000 + i, part / 800));
    records.push({ type: 'Prr', headNum: 1, siteNum: 0, partFlg: 0, numTest: 66, hardBin: 1 });
  }
  return Buffer.concat([stdf.farOf('big'), ...records].map((record) => stdf.encodeRecord(record, 'big')));
}

function madePtr(testNum: number, result: number): stdf.StdfRecord {
  return {
    type: 'Ptr',
    testNum,
    headNum: 1,
    siteNum: 0,
    testFlg: 0,
    parmFlg: 0,
    result,
    testTxt: `supply current <> pin${testNum}`,
    alarmId: '',
    optFlag: 0x0e,
    resScal: 3,
    llmScal: 3,
    hlmScal: 3,
    loLimit: -1,
    hiLimit: 1,
    units: 'a',
    cResfmt: '%5.2f ma',
    cLlmfmt: '%5.2f ma',
    cHlmfmt: '%5.2f ma',
  };
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, void> {
  for (let at = 0; at < bytes.length; at += 65536) yield bytes.subarray(at, at + 65536);
}

/** The lot `times` over, its FAR only once; every chunk is a new buffer, as from a file. */
async function* repeated(times: number): AsyncGenerator<Uint8Array, void, void> {
  for (let i = 0; i < times; i++) {
    for await (const chunk of once(i === 0 ? lot : lot.subarray(6))) yield Buffer.from(chunk);
  }
}

async function count<T>(items: AsyncIterable<T>): Promise<number> {
  let n = 0;
  for await (const _ of items) n++;
  return n;
}

async function countBatches<T>(batches: AsyncIterable<readonly T[]>): Promise<number> {
  let n = 0;
  for await (const batch of batches) n += batch.length;
  return n;
}

/** Best of three after a warm-up: the machine is shared, and the slower runs measure the others. */
async function measure(
  name: string,
  bytes: number,
  expected: number,
  run: () => Promise<number>,
): Promise<void> {
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 4; i++) {
    const started = performance.now();
    const found = await run();
    if (found !== expected) throw new Error(`${name}: expected ${expected}, counted ${found}`);
    if (i > 0) best = Math.min(best, performance.now() - started);
  }
  say(`${name.padEnd(44)} ${(bytes / 1000 / best).toFixed(0).padStart(6)} MB/s`);
}

say(`Node ${process.version}, ${cpus()[0]?.model ?? 'unknown CPU'} (${cpus().length} cores)`);
// First, while nothing else has grown the heap.
const times = Math.ceil((Number(gigabytes) * 1e9) / lot.length);
const started = performance.now();
const streamed = await countBatches(stdf.readStdf(repeated(times)).batches());
if (streamed !== 1 + times * (whole - 1)) throw new Error(`counted ${streamed} records`);
const seconds = (performance.now() - started) / 1000;
say(
  `${gigabytes} GB in ${seconds.toFixed(1)} s: resident memory at most ${(process.resourceUsage().maxRSS / 1000).toFixed(0)} MB`,
);

const TIMES = Math.ceil(100e6 / lot.length);
const size = 6 + TIMES * (lot.length - 6);
const records = 1 + TIMES * (whole - 1);
const packed = gzipSync(Buffer.concat([lot, ...Array.from({ length: 9 }, () => lot.subarray(6))]));
const prrs = TIMES * (await count(stdf.readStdf(once(lot), { only: ['Prr'] })));
const bytesOf = async (chunks: AsyncIterable<Uint8Array>) => {
  let n = 0;
  for await (const chunk of chunks) n += chunk.length;
  return n;
};
const all: stdf.StdfRecord[] = [];
for await (const record of stdf.readStdf(once(lot))) all.push(record);

say(`${(size / 1e6).toFixed(0)} MB, ${records} records, ${(lot.length / whole).toFixed(0)} bytes each`);
await measure('read, batches', size, records, () => countBatches(stdf.readStdf(repeated(TIMES)).batches()));
await measure('read, one by one', size, records, () => count(stdf.readStdf(repeated(TIMES))));
await measure('read, PRRs only', size, prrs, () =>
  countBatches(stdf.readStdf(repeated(TIMES), { only: ['Prr'] }).batches()),
);
await measure('read as parts', size, prrs, () => count(stdf.assembleParts(repeated(TIMES))));
await measure('read gzip, batches (unpacked bytes)', 10 * lot.length, 10 * whole - 9, () =>
  countBatches(stdf.readStdf(once(packed)).batches()),
);
await measure('write', lot.length, lot.length, () => bytesOf(stdf.writeStdf(all)));
