import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { namedScenarios, readArguments } from './arguments.js';
import { FIGURE_TABLE_HEAD, figureRow } from './figure-row.js';
import { LATENCY } from './scenarios/latency.js';
import { type Effort, GATES, gated, keepsBound, type Scenario } from './scenarios/scenario.js';
import { THROUGHPUT } from './scenarios/throughput.js';
import { stallsWithin } from './stalls.js';

/**
 * npm run bench [-- --quick] [-- --only single-64,overload] [-- --gate smoke]: measures diegate, a naive peer and the floor
 * interleaved, and prints medians and ratios. Exits with 1 when a figure misses its bound; --gate smoke is
 * for machines that are shared with others.
 */
const SCENARIOS: readonly Scenario[] = [...THROUGHPUT, ...LATENCY];
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
const { count, longestMs } = stallsWithin(2_000);
say(
  `A process that only looks at the clock lost its core ${count} times in 2 s for 1 ms or more, at most for ${longestMs.toFixed(1)} ms`,
);
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
say(missed === 0 ? '\nEvery figure keeps its bound.' : `\n${missed} figures miss their bound.`);
process.exitCode = missed === 0 ? 0 : 1;
