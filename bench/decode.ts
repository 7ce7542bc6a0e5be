// How long it takes to decode a die, beside JSON.parse and a copy into Float32Array.
//
//   npm run bench:build && node dist/.bench/bench/decode.js
//
// Answers are checked first. Each round takes hundreds of different dies in turn, as a server does: from a few,
// the processor's branch predictor learns their very digits. Each figure is the median of interleaved rounds:
// what the machine does meanwhile hits both sides alike, so the ratios hold where the microseconds do not.

import { cpus } from 'node:os';
import { decodeDiesBinary } from '../src/rows/decode/binary.js';
import { decodeDie, decodeDies, scanBatch, scanSingle } from '../src/rows/decode/json.js';
import { median } from './statistics.js';

const PARAMETERS = 512;
const BATCH = 64;
const DIES = 300;
const ROUNDS = 101;
const MIN_ROUND_MS = 1;
const BATCHES = Math.ceil(DIES / BATCH);
const contract = { parameterCount: PARAMETERS, acceptsMissing: false };

// One buffer for each size, as a pool would lend it.
const lent = new Map<number, Float32Array>();
const rows = {
  take(dies: number): Float32Array {
    const buffer = lent.get(dies) ?? new Float32Array(dies * PARAMETERS);
    lent.set(dies, buffer);
    return buffer;
  },
  give(): void {},
};

interface Question {
  readonly name: string;
  readonly dies: number;
  readonly bodies: readonly Buffer[];
  /** The fast path alone: undefined if it declines the body. */
  readonly scan: (body: Buffer) => unknown;
  /** Decodes a body and answers its values. */
  readonly ours: (body: Buffer) => Float32Array;
  readonly plain: (body: Buffer) => Float32Array;
}

let state = 1;
function random(): number {
  state = (Math.imul(state, 1664525) + 1013904223) | 0;
  return (state >>> 0) / 2 ** 32;
}

function normal(): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

function dieText(number: () => string, separator = ','): string {
  const values = Array.from({ length: PARAMETERS }, number);
  return `{"die_id":"wafer123_die456","test_params":[${values.join(separator)}]}`;
}

const plainRows = new Float32Array(BATCH * PARAMETERS);

function copyValues(values: unknown, at: number): void {
  if (!Array.isArray(values)) throw new Error('expected values');
  for (let i = 0; i < PARAMETERS; i++) plainRows[at + i] = values[i];
}

function parseDie(body: Buffer): Float32Array {
  copyValues(JSON.parse(body.toString()).test_params, 0);
  return plainRows;
}

function parseDies(body: Buffer): Float32Array {
  const dies = JSON.parse(body.toString());
  for (let die = 0; die < BATCH; die++) copyValues(dies[die].test_params, die * PARAMETERS);
  return plainRows;
}

function single(name: string, number: () => string, separator?: string): Question {
  return {
    name,
    dies: 1,
    bodies: Array.from({ length: DIES }, () => Buffer.from(dieText(number, separator))),
    scan: (body) => scanSingle(body, contract, rows),
    ours: (body) => decodeDie(body, contract, rows).params,
    plain: parseDie,
  };
}

const sixDecimals = () => normal().toFixed(6);
const seventeenDigits = () => (normal() * 5).toPrecision(17);

function batch(name: string, number: () => string): Question {
  const body = () => Buffer.from(`[${Array.from({ length: BATCH }, () => dieText(number)).join(',')}]`);
  return {
    name,
    dies: BATCH,
    bodies: Array.from({ length: BATCHES }, body),
    scan: (bytes) => scanBatch(bytes, contract, BATCH, rows),
    ours: (bytes) => decodeDies(bytes, contract, BATCH, rows).params,
    plain: parseDies,
  };
}

function binaryBatch(): Question {
  const labels = Array.from({ length: BATCH }, (_, i) => ({ die_id: `d${i}` }));
  const source = batch('', sixDecimals);
  const bodies = source.bodies.map((body) =>
    Buffer.from(new Uint8Array(Float32Array.from(parseDies(body)).buffer)),
  );
  const copied = new Float32Array(BATCH * PARAMETERS);
  const rows = new Float32Array(BATCH * PARAMETERS);
  const kept = { take: () => rows, give: () => {} };
  return {
    name: `binary, batch of ${BATCH} (beside a bare copy)`,
    dies: BATCH,
    bodies,
    scan: (body) => body,
    ours: (body) => decodeDiesBinary([body], contract, BATCH, kept, () => labels).params,
    plain: (body) => {
      new Uint8Array(copied.buffer).set(body);
      return copied;
    },
  };
}

function check({ name, dies, bodies, scan, ours, plain }: Question): void {
  for (const body of bodies) {
    const found = ours(body);
    const wanted = plain(body);
    for (let i = 0; i < dies * PARAMETERS; i++) {
      if (!Object.is(found[i], wanted[i]))
        throw new Error(`${name}: expected ${wanted[i]}, found ${found[i]}`);
    }
    if (scan(body) === undefined) throw new Error(`${name}: declined`);
  }
}

function roundMicros({ bodies, dies }: Question, decode: (body: Buffer) => Float32Array): number {
  let decoded = 0;
  const startMs = performance.now();
  let elapsedMs = 0;
  while (elapsedMs < MIN_ROUND_MS) {
    for (const body of bodies) decode(body);
    decoded += bodies.length * dies;
    elapsedMs = performance.now() - startMs;
  }
  return (elapsedMs * 1000) / decoded;
}

function print(...columns: readonly [name: string, ...figures: string[]]): void {
  const [name, ...figures] = columns;
  process.stdout.write(`${name.padEnd(44)}${figures.map((figure) => figure.padStart(12)).join('')}\n`);
}

const questions = [
  single('6 decimals', sixDecimals),
  single("6 decimals, ', ' between", sixDecimals, ', '),
  single('9 digits (float32)', () => String(Number(Math.fround(normal() * 3).toPrecision(9)))),
  single('17 digits', seventeenDigits),
  single('shortest doubles', () => String(normal())),
  single('exponents', () => (normal() * 1e-9).toExponential(4)),
  batch(`6 decimals, batch of ${BATCH}`, sixDecimals),
  batch(`17 digits, batch of ${BATCH}`, seventeenDigits),
  binaryBatch(),
];

const figures = questions.map((question) => ({ question, ours: [] as number[], plain: [] as number[] }));
for (const question of questions) check(question);
for (let round = 0; round < ROUNDS; round++) {
  for (const { question, ours, plain } of figures) {
    ours.push(roundMicros(question, question.ours));
    plain.push(roundMicros(question, question.plain));
  }
}
process.stdout.write(
  `Node ${process.version}, ${cpus()[0]?.model ?? 'unknown CPU'}, ${PARAMETERS} values a die\n\n`,
);
print('µs per die, median', 'diegate', 'JSON.parse', 'ratio');
for (const { question, ours, plain } of figures) {
  const ratio = median(plain.map((micros, round) => micros / ours[round]));
  print(question.name, median(ours).toFixed(2), median(plain).toFixed(2), `${ratio.toFixed(1)}×`);
}
