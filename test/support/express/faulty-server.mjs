import { readConfig } from '../../../dist/config.js';
import { createApp } from '../../../dist/server/app.js';
import { startWorkers } from '../../../dist/server/start-workers.js';
import { systemClock } from '../../../dist/serving/clock.js';
import { SessionHost } from '../../../dist/serving/workers/session-host.js';

/**
 * A server whose express lane is given a model that is well in workers and not here: it stalls, hangs or crashes on a die
 * whose first value says so. Its port is the first line on its stdout; its log follows.
 */
const FAULTS = {
  1001: () => {
    const untilMs = performance.now() + 100;
    while (performance.now() < untilMs);
  },
  1002: () => {
    for (;;);
  },
  1003: () => process.kill(process.pid, 'SIGSEGV'),
};

class FaultyHost extends SessionHost {
  async run(batch) {
    const startedMs = performance.now();
    FAULTS[batch.params[0]]?.();
    const result = await super.run(batch);
    return { ...result, runMs: performance.now() - startedMs };
  }
}

const config = readConfig(process.env);
const workers = startWorkers({ config, clock: systemClock });
const app = await createApp({
  config,
  logStream: process.stdout,
  workers,
  expressParts: { host: new FaultyHost() },
});
const { port } = await app.listen();
await app.load();
process.stdout.write(`${port}\n`);
