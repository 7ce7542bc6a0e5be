#!/usr/bin/env node
import { Fault } from './errors.js';

const [command, ...rest] = process.argv.slice(2);

// The server starts without loading what only the other commands need.
const run =
  command === undefined || (command === 'serve' && rest.length === 0)
    ? import('./serve.js').then(({ serve }) => serve(process.env))
    : import('./cli/program.js').then(({ runCommand }) => runCommand(process.argv));

run.catch((error: unknown) => {
  const problems =
    error instanceof Fault ? error.problems : [error instanceof Error ? error.stack : String(error)];
  for (const problem of problems) process.stderr.write(`diegate: ${problem}\n`);
  process.exit(1);
});
