import { spawnSync } from 'node:child_process';

/** Whether a program is on the PATH; says so where it is not, as tests that need it are skipped. */
export function isHere(program: string): boolean {
  const here = spawnSync(program, ['--version']).error === undefined;
  if (!here) process.stderr.write(`skipped: ${program} is not on the PATH\n`);
  return here;
}
