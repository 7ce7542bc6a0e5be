// What tracing costs a request of one die, in µs of this process's CPU time.
//
//   npm run bench:build && node dist/.bench/bench/tracing.js
//
// The work done is checked. Figures are medians of rounds; the collector is one that answers at once, in
// this process, and what it costs is not counted: exports come after each round, outside of the time taken.

import { createServer } from 'node:http';
import { cpus } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../src/serving/clock.js';
import { createTracing } from '../src/tracing/otlp/tracing.js';
import { callersTrace, type RequestSpan } from '../src/tracing/tracer.js';
import { median } from './statistics.js';

const REQUESTS = 1024;
const ROUNDS = 9;
const TRACEPARENT = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

let taken = 0;
const collector = createServer((request, response) => {
  request.resume().on('end', () => response.end('{}'));
}).listen(0, '127.0.0.1');
await new Promise((resolve) => collector.once('listening', resolve));
const address = collector.address();
if (address === null || typeof address === 'string') throw new Error('the collector has no TCP address');

const tracing = (share: number) =>
  createTracing({
    endpoint: `http://127.0.0.1:${address.port}`,
    headers: {},
    serviceName: 'bench',
    serviceVersion: '0',
    share,
    clock: systemClock,
    random: Math.random,
    logger: { warn: () => {}, info: () => {} },
    observers: [
      {
        exported: (spans) => {
          taken += spans;
        },
        dropped: (reason, spans) => {
          throw new Error(`${spans} spans dropped: ${reason}`);
        },
      },
    ],
  });
const never = tracing(0);
const always = tracing(1);

function requestWith(traceparent: string | undefined) {
  const receivedAtMs = systemClock.nowMs();
  const [method, route, path] = ['POST', '/predict', '/predict'];
  return {
    requestId: '5f0c9a1b2c3d-1',
    method,
    route,
    path,
    receivedAtMs,
    traceparent,
    tracestate: undefined,
    scheme: 'http' as const,
  };
}

/** The spans of a whole batch: a request and a wait for each of its dies, the batch and its run. */
function traceBatch(dies: number): void {
  const spans: RequestSpan[] = [];
  for (let i = 0; i < dies; i++) {
    const span = always.tracer.begin(requestWith(TRACEPARENT))?.span;
    if (span === undefined) throw new Error('a sampled request has no span');
    spans.push(span);
  }
  const toMs = systemClock.nowMs();
  const waits = spans.map((span) => ({ span, dies: 1, lane: 'realtime' as const, fromMs: toMs - 1, toMs }));
  const outcome = {
    kind: 'scored' as const,
    scores: new Float32Array(dies),
    contributions: undefined,
    runMs: 0.3,
  };
  const batch = { fromMs: toMs, toMs: toMs + 1, dies, calls: dies, reason: 'idle' as const, outcome, waits };
  always.batching.tracedBatchEnded?.('die-defect/1', batch);
  for (const span of spans) {
    const version = { model: 'die-defect', version: '1', dies: 1 };
    span.end({ status: 200, refusalCode: '', refusalDetail: '', ...version });
  }
}

const rows: readonly (readonly [string, number, () => void])[] = [
  [
    'off, with a traceparent',
    0,
    () => {
      for (let i = 0; i < REQUESTS; i++)
        if (callersTrace(TRACEPARENT) === undefined) throw new Error('a traceparent was not read');
    },
  ],
  [
    'on, not sampled',
    0,
    () => {
      for (let i = 0; i < REQUESTS; i++)
        if (never.tracer.begin(requestWith(undefined)) !== undefined) throw new Error('a trace was begun');
    },
  ],
  ...[1, 32].map((dies): [string, number, () => void] => [
    `on, sampled, ${dies} in a batch`,
    2 * REQUESTS + (2 * REQUESTS) / dies,
    () => {
      for (let i = 0; i < REQUESTS; i += dies) traceBatch(dies);
    },
  ]),
];

process.stdout.write(`${cpus()[0]?.model}, Node ${process.version}\n`);
for (const [name, spans, run] of rows) {
  const figures: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    taken = 0;
    const before = process.cpuUsage();
    run();
    const { user, system } = process.cpuUsage(before);
    figures.push((user + system) / REQUESTS);
    while (taken < spans) await sleep(20);
    if (taken !== spans) throw new Error(`${spans} spans were made, ${taken} exported`);
  }
  process.stdout.write(`${name.padEnd(28)} ${median(figures).toFixed(1)} µs\n`);
}
await Promise.all([never.close(1000), always.close(1000)]);
collector.closeAllConnections();
collector.close();
