/**
 * How long do the commands that read a lot take, and in how much memory, beside another build?
 *
 *     npm run bench:build
 *     node dist/.bench/bench/lot-commands.js lot.stdf models/my-product/1 ../other/dist/main.js [rounds]
 *
 * Each command is a whole process, the builds in turn, so that a busy machine slows both alike. Processor
 * time is of the process and its workers; memory that of the largest of them (GNU time). A command that
 * the other build does not have is left out there.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

interface Run {
  readonly seconds: number;
  readonly processorSeconds: number;
  readonly megabytes: number;
}

const [lot, model, other, rounds = '5'] = process.argv.slice(2);
if (lot === undefined || model === undefined || other === undefined) {
  throw new Error('expected: lot.stdf model-folder other-build/dist/main.js [rounds]');
}
const folder = mkdtempSync(join(tmpdir(), 'diegate-lot-commands-'));
const COMMANDS = {
  inspect: ['inspect', lot, '--json'],
  score: ['score', lot, '--model', model, '--out', join(folder, 'scored.parquet')],
  table: ['table', lot, '--out', join(folder, 'table.parquet')],
};
const BUILDS = { this: resolve('dist/main.js'), other: resolve(other) };

/** Undefined where the build refuses the command. */
function run(build: string, command: readonly string[]): Run | undefined {
  const { status, stderr } = spawnSync(
    '/usr/bin/time',
    ['-f', 'measured %e %U %S %M', process.execPath, build, ...command],
    { encoding: 'utf8', stdio: ['ignore', 'ignore', 'pipe'] },
  );
  const found = /^measured (\S+) (\S+) (\S+) (\S+)$/m.exec(stderr);
  if (status !== 0 || found === null) return undefined;
  const [seconds = 0, user = 0, system = 0, kilobytes = 0] = found.slice(1).map(Number);
  return { seconds, processorSeconds: user + system, megabytes: kilobytes / 1000 };
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

try {
  for (const [name, command] of Object.entries(COMMANDS)) {
    const runs = { this: [] as Run[], other: [] as Run[] };
    for (let round = 0; round < Number(rounds); round++) {
      for (const build of ['this', 'other'] as const) {
        const measured = run(BUILDS[build], command);
        if (measured !== undefined) runs[build].push(measured);
        else if (build === 'this') throw new Error(`diegate ${command.join(' ')} failed`);
      }
    }
    const figure = (build: 'this' | 'other', of: keyof Run) => median(runs[build].map((each) => each[of]));
    const compared = runs.other.length > 0 ? (['this', 'other'] as const) : (['this'] as const);
    for (const build of compared) {
      process.stdout.write(
        `${name.padEnd(8)} ${build.padEnd(6)} ${figure(build, 'seconds').toFixed(2)} s, ` +
          `processor ${figure(build, 'processorSeconds').toFixed(2)} s, ${figure(build, 'megabytes').toFixed(0)} MB\n`,
      );
    }
    if (runs.other.length === 0) continue;
    const ratio = (of: keyof Run) => (figure('this', of) / figure('other', of)).toFixed(2);
    process.stdout.write(
      `${name.padEnd(8)} ratio  ${ratio('seconds')}, processor ${ratio('processorSeconds')}\n`,
    );
  }
} finally {
  rmSync(folder, { recursive: true });
}
