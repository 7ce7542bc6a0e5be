#!/usr/bin/env node
import { exitCodeOf, Fault } from './errors.js';
import { descriptorLimit, wantOfDescriptors } from './server/descriptors.js';

const limit = descriptorLimit();
const [command = 'serve', ...rest] = process.argv.slice(2);

// The kernel keeps from process 1, which a container's is, every signal that it does not ask for: without
// this a command, and a server that is still being loaded, could only be killed. A handler that comes
// later, as the server and a replay have one, takes over.
const endOn = (signal: 'SIGTERM' | 'SIGINT', exitCode: number) =>
  process.on(signal, () => {
    if (process.listenerCount(signal) === 1) process.exit(exitCode);
  });
if (process.pid === 1) {
  endOn('SIGTERM', 143);
  endOn('SIGINT', 130);
}

// The server starts without loading what only the other commands need, and they without the server; a
// container asks for its health every few seconds, which should cost little.
const serve = () => import('./server/serve.js').then((server) => server.serve(process.env));
const health = () => import('./server/health.js').then(({ checkHealth }) => checkHealth(process.env));
const direct = new Map([
  ['serve', serve],
  ['health', health],
]).get(rest.length === 0 ? command : '');
const run =
  direct === undefined
    ? import('./cli/program.js').then(({ runCommand }) =>
        runCommand(process.argv, { serve, health, environment: process.env }),
      )
    : direct();

// Somebody reads no further, as `| head` does: a command has then said enough.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});
// And of what goes wrong nobody is told who has left: that ends nothing.
process.stderr.on('error', () => {});

run.catch((error: unknown) => {
  const want = wantOfDescriptors(error, limit);
  const problems =
    want !== undefined
      ? [want]
      : error instanceof Fault
        ? error.problems
        : [error instanceof Error ? error.stack : String(error)];
  for (const problem of problems) process.stderr.write(`diegate: ${problem}\n`);
  process.exit(exitCodeOf(error));
});
