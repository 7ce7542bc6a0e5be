import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const COMMANDS = [
  ['src/rows/decode/kernel/build.mjs'],
  ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'],
];

/** What `npm run build` does, once before the tests (incremental: about a second when nothing changed). */
export default function build(): void {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  for (const command of COMMANDS) {
    execFileSync(process.execPath, command, { cwd: root, stdio: 'inherit' });
  }
}
