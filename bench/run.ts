import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { namedScenarios, readArguments } from './arguments.js';
import { FIGURE_TABLE_HEAD, figureRow } from './figure-row.js';
import { CELLS } from './scenarios/cells.js';
import { GRPC } from './scenarios/grpc.js';
import { LATENCY } from './scenarios/latency.js';
import { type Effort, GATES, gated, keepsBound, type Scenario } from './scenarios/scenario.js';
import { SWAPPED } from './scenarios/swaps.js';
import { THROUGHPUT } from './scenarios/throughput.js';
import { stallsWithin } from './stalls.js';

/**
 * npm run bench [-- --quick] [-- --only single-64,overload] [-- --gate smoke]: measures diegate, a naive peer and the floor
 * interleaved, and prints medians and ratios. Exits with 1 when a figure misses its bound; --gate smoke is
 * for machines that are shared with others.
 */
const SCENARIOS: readonly Scenario[] = [...CELLS, ...THROUGHPUT, ...GRPC, ...LATENCY, SWAPPED];
const FULL: Effort = { warmUpSeconds: 10, rounds: 5, seconds: 3, overloadSeconds: 30 };
const QUICK: Effort = { warmUpSeconds: 1, rounds: 1, seconds: 1, overloadSeconds: 4 };
// What --quick leaves out to stay below a minute.
const NOT_QUICK = new Set([
  'single-8',
  'single-1',
  'single-binary',
  'digits-64',
  'heavy-64',
  'mixed',
  'steps',
  'swaps',
  'grpc-start',
]);

const USAGE = 'npm run bench [-- --quick] [-- --only single-64,overload] [-- --gate smoke]';
const { options, only, gate } = readArguments(USAGE, () => {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string' },
      gate: { type: 'string', default: 'full' },
    },
  });
  const found = GATES.find((name) => name === values.gate);
  if (found === undefined) throw new Error(`--gate: found "${values.gate}", expected ${GATES.join(' or ')}`);
  const names = SCENARIOS.map(({ name }) => name);
  return { options: values, only: namedScenarios(values.only, names), gate: found };
});
const chosen = SCENARIOS.filter(({ name }) => only?.has(name) ?? !(options.quick && NOT_QUICK.has(name)));

const say = (line: string) => process.stdout.write(`${line}\n`);
say(
  `${cpus()[0]?.model.trim()}, ${cpus().length} cores, Node ${process.versions.node}, ${process.platform} ${process.arch}`,
);
say(
  'naive: Fastify, zod and one session.run for each request. floor: node:http that reads the body and answers a constant.',
);
if (options.quick) {
  say('quick: one round of 1 s after 1 s of warm-up; the bounds are those of the full run.');
  if (only === undefined) say(`Left out: ${[...NOT_QUICK].join(', ')}.`);
}
sayStalls('before');
let missed = 0;
for (const scenario of chosen) {
  say(`\n### ${scenario.name}: ${scenario.question}\n`);
  say(FIGURE_TABLE_HEAD);
  for (const measured of await scenario.run(options.quick ? QUICK : FULL)) {
    const figure = gated(measured, gate);
    if (!keepsBound(figure)) missed++;
    say(figureRow(figure));
  }
}
sayStalls('after');
say(missed === 0 ? '\nEvery figure keeps its bound.' : `\n${missed} figures miss their bound.`);
process.exitCode = missed === 0 ? 0 : 1;

/** How far the machine can be trusted with tails at this time. */
function sayStalls(when: string): void {
  const { count, longestMs } = stallsWithin(1_000);
  const longest = longestMs.toFixed(1);
  say(
    `\n${when}: in 1 s a process that only looks at the clock lost its core ${count} times, at most for ${longest} ms.`,
  );
}
