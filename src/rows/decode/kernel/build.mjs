// Compiles this folder to dist/values.wasm, unless that is newer than all that it is made of (`npm run build`).
import { mkdirSync, readdirSync, statSync } from 'node:fs';
import { dirname, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const pathOf = (url) => fileURLToPath(new URL(url, import.meta.url));
const root = pathOf('../../../../../../../');
const output = pathOf('../../../../dist/values.wasm');
const inputs = [pathOf('../../../../package.json'), ...readdirSync(pathOf('.')).map((name) => pathOf(name))];

const changedAt = (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;

if (changedAt(output) <= Math.max(...inputs.map(changedAt))) {
  const { main } = await import('assemblyscript/asc');
  mkdirSync(dirname(output), { recursive: true });
  const { error, stderr } = await main([
    relative(root, pathOf('values.ts')),
    ...['--baseDir', root, '--config', relative(root, pathOf('asconfig.json'))],
    ...['--outFile', relative(root, output)],
  ]);
  process.stderr.write(stderr.toString());
  if (error) process.exitCode = 1;
}
