import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { namedScenarios, readArguments } from '../arguments.js';
import { FIGURE_TABLE_HEAD, figureRow } from '../figure-row.js';
import { keepsBound } from '../scenarios/scenario.js';
import { CLOCK } from './clock.js';
import { DESCRIPTORS } from './descriptors.js';
import { DISK } from './disk.js';
import { FUZZ } from './fuzz.js';
import { KILL } from './kill.js';
import { LOADS } from './loads.js';
import { ROLLING } from './rolling.js';
import { FULL, QUICK, type Survival } from './scenario.js';
import { SIGTERM } from './sigterm.js';
import { SLOW_LORIS } from './slow-loris.js';
import { SOAK } from './soak.js';
import { VOLUME } from './volume.js';
import { WORKERS } from './workers.js';

/**
 * npm run survival [-- --quick] [-- --only sigterm,fuzz]: does to diegate what production does, and prints what
 * became of it. Exits with 1 when a figure misses its bound. The whole takes half an hour, --quick under 90 s.
 */
const SCENARIOS: readonly Survival[] = [
  SIGTERM,
  KILL,
  WORKERS,
  LOADS,
  ROLLING,
  SLOW_LORIS,
  DISK,
  VOLUME,
  CLOCK,
  DESCRIPTORS,
  FUZZ,
  SOAK,
];

const { options, only } = readArguments('npm run survival [-- --quick] [-- --only sigterm,fuzz]', () => {
  const { values } = parseArgs({
    options: { quick: { type: 'boolean', default: false }, only: { type: 'string' } },
  });
  const names = SCENARIOS.map(({ name }) => name);
  return { options: values, only: namedScenarios(values.only, names) };
});

// What is running ends with this process, however that ends.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

const say = (line: string) => process.stdout.write(`${line}\n`);
say(
  `${cpus()[0]?.model.trim()}, ${cpus().length} cores, Node ${process.versions.node}, ${process.platform} ${process.arch}`,
);
const effort = options.quick ? QUICK : FULL;
const skipped: string[] = [];
let missed = 0;
for (const scenario of SCENARIOS.filter(({ name }) => only?.has(name) ?? true)) {
  say(`\n### ${scenario.name}: ${scenario.question}\n`);
  const lacking = scenario.lacks?.();
  if (lacking !== undefined) {
    skipped.push(scenario.name);
    say(`skipped: ${lacking}`);
    continue;
  }
  const startedMs = performance.now();
  try {
    const figures = await scenario.run(effort);
    say(FIGURE_TABLE_HEAD);
    for (const figure of figures) say(figureRow(figure));
    missed += figures.filter((figure) => !keepsBound(figure)).length;
  } catch (error) {
    say(`failed: ${error instanceof Error ? error.stack : error}`);
    missed++;
  }
  const seconds = Math.round((performance.now() - startedMs) / 1000);
  say(`\n${seconds} s, load average of the machine ${loadavg()[0]?.toFixed(1)}`);
}
if (skipped.length > 0) say(`\nSkipped: ${skipped.join(', ')}.`);
say(missed === 0 ? '\nEvery figure keeps its bound.' : `\n${missed} figures miss their bound.`);
// Also ends what a scenario that failed has left running.
process.exit(missed === 0 ? 0 : 1);
