#!/usr/bin/env node
// Compares what a canary and the stable server did over the same minutes, by their metrics:
//
//   node .github/compare-canary.mjs http://127.0.0.1:8000 http://127.0.0.1:8001      stable, canary
//
// Exit code 1, with a line for each reason, where the canary answered more with 5xx, was slower, failed another share of
// the dies or saw too little to say. SMOKE_API_KEY: key of servers that ask for one. COMPARE_SECONDS (300): how long.
// COMPARE_REQUESTS (500): the least number of prediction requests of the canary. COMPARE_LATENCY_RATIO (2): how much slower.

const [stable, canary] = process.argv.slice(2);
if (stable === undefined || canary === undefined) {
  process.stderr.write('usage: compare-canary.mjs STABLE_URL CANARY_URL\n');
  process.exit(2);
}
const seconds = Number(process.env.COMPARE_SECONDS ?? 300);
const leastRequests = Number(process.env.COMPARE_REQUESTS ?? 500);

/** Errors that are no news: one in a thousand. */
const ERROR_FLOOR = 0.001;
/** Of a share of failing dies what lots differ by, in dies of 100. */
const FAIL_POINTS = 0.02;
/** Slower than the promise, and more than twice as slow as the stable one: the bounds of the buckets double, too. */
const LATENCY_FLOOR_S = 0.02;
const LATENCY_RATIO = Number(process.env.COMPARE_LATENCY_RATIO ?? 2);

const PREDICTS = /\/(predict|predict\/batch|infer)$/;

async function metricsOf(url) {
  const key = process.env.SMOKE_API_KEY;
  const headers = key === undefined ? {} : { 'x-api-key': key };
  const response = await fetch(`${url}/metrics`, { headers, signal: AbortSignal.timeout(10_000) });
  if (!response.ok) throw new Error(`${url}/metrics answered ${response.status}`);
  const samples = [];
  for (const [, name, text = '', value] of (await response.text()).matchAll(/^(\w+)(?:\{(.*)\})? (\S+)$/gm)) {
    const labels = Object.fromEntries(
      [...text.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, k, v]) => [k, v]),
    );
    samples.push({ name, labels, value: Number(value) });
  }
  return samples;
}

const sum = (samples, name, matches = () => true) =>
  samples
    .filter((one) => one.name === name && matches(one.labels))
    .reduce((total, { value }) => total + value, 0);

function totalsOf(samples) {
  const requests = (extra = () => true) =>
    sum(samples, 'http_requests_total', (labels) => PREDICTS.test(labels.route) && extra(labels));
  const buckets = new Map();
  for (const { name, labels, value } of samples) {
    if (name !== 'prediction_latency_seconds_bucket') continue;
    const le = labels.le === '+Inf' ? Number.POSITIVE_INFINITY : Number(labels.le);
    buckets.set(le, (buckets.get(le) ?? 0) + value);
  }
  return {
    requests: requests(),
    errors: requests(({ status_class }) => status_class === '5xx'),
    dies: sum(samples, 'predictions_total'),
    fails: sum(samples, 'predictions_total', ({ prediction }) => prediction === 'fail'),
    buckets,
  };
}

/** What happened between two looks; a counter that fell began anew with a restart. */
function between(before, after) {
  const gained = (key) => after[key] - before[key];
  if (gained('requests') < 0) throw new Error('a server has restarted while it was watched');
  const buckets = [...after.buckets].map(([le, count]) => [le, count - (before.buckets.get(le) ?? 0)]);
  return {
    requests: gained('requests'),
    dies: gained('dies'),
    errorShare: share(gained('errors'), gained('requests')),
    failShare: share(gained('fails'), gained('dies')),
    p99: quantile(
      0.99,
      buckets.sort(([a], [b]) => a - b),
    ),
  };
}

const share = (part, whole) => (whole === 0 ? 0 : part / whole);

/** The upper bound of the bucket that holds the quantile, seconds. */
function quantile(q, buckets) {
  const total = buckets.at(-1)?.[1] ?? 0;
  return total === 0 ? 0 : (buckets.find(([, count]) => count >= q * total)?.[0] ?? 0);
}

const percent = (part) => `${(100 * part).toFixed(2)}%`;
const look = async () => Promise.all([stable, canary].map(async (url) => totalsOf(await metricsOf(url))));

const before = await look();
await new Promise((resolve) => setTimeout(resolve, 1000 * seconds));
const after = await look();
const [was, is] = before.map((one, i) => between(one, after[i]));

const problems = [];
if (is.requests < leastRequests)
  problems.push(
    `the canary had ${is.requests} prediction requests in ${seconds} s, expected at least ${leastRequests}`,
  );
if (is.errorShare > Math.max(ERROR_FLOOR, 2 * was.errorShare))
  problems.push(
    `the canary answered ${percent(is.errorShare)} with 5xx, the stable one ${percent(was.errorShare)}`,
  );
if (is.p99 > Math.max(LATENCY_FLOOR_S, LATENCY_RATIO * was.p99))
  problems.push(`the canary's p99 is up to ${is.p99} s, the stable one's up to ${was.p99} s`);
if (
  was.dies > 0 &&
  is.dies > 0 &&
  Math.abs(is.failShare - was.failShare) > Math.max(FAIL_POINTS, was.failShare)
)
  problems.push(
    `the canary failed ${percent(is.failShare)} of its dies, the stable one ${percent(was.failShare)}`,
  );

for (const [name, { requests, dies, errorShare, failShare, p99 }] of [
  ['stable', was],
  ['canary', is],
])
  process.stdout.write(
    `${name}: ${requests} requests, ${percent(errorShare)} 5xx, p99 up to ${p99} s, ${dies} dies, ${percent(failShare)} fail\n`,
  );
for (const problem of problems) process.stderr.write(`compare: ${problem}\n`);
process.exitCode = problems.length === 0 ? 0 : 1;
