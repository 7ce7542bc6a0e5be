import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { Fault } from '../../src/errors.js';
import { createRandom } from '../../src/training/random.js';

/** A folder that is gone after the test. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'diegate-test-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A CSV file with the given text. */
export async function csvFile(text: string | Uint8Array, name = 'dies.csv'): Promise<string> {
  const path = join(await temporaryFolder(), name);
  await writeFile(path, text);
  return path;
}

/** The problems of the Fault that an action ends in. */
export async function problemsOf(action: () => unknown): Promise<readonly string[]> {
  try {
    await action();
  } catch (error) {
    if (error instanceof Fault) return error.problems;
    throw error;
  }
  throw new Error('expected a Fault');
}

/**
 * CSV lines of dies with `parameters` values that share one hidden factor; every `failEvery`th die
 * fails and has two values far out.
 */
export function correlatedDies(
  dies: number,
  parameters: number,
  failEvery = Number.POSITIVE_INFINITY,
): string {
  const random = createRandom(`fixture ${dies} ${parameters}`);
  const names = Array.from({ length: parameters }, (_, p) => `p${p}`);
  const lines = Array.from({ length: dies }, (_, die) => {
    const fails = (die + 1) % failEvery === 0;
    const factor = random.normal();
    const values = names.map((_, p) => {
      const shift = fails && p < 2 ? 15 * (p === 0 ? 1 : -1) : 0;
      return (10 + factor + 0.3 * random.normal() + shift).toFixed(4);
    });
    return [fails ? 'fail' : 'pass', ...values].join(',');
  });
  return `${['label', ...names].join(',')}\n${lines.join('\n')}\n`;
}
