import { writeSync } from 'node:fs';
import { workerData } from 'node:worker_threads';
import type { WatchdogData } from './watchdog.js';

/** The thread of a {@link Watchdog}. */
const { shared, looks, everyMs }: WatchdogData = workerData;
const run = new Int32Array(shared);
// Nobody ever wakes it: a wait that times out is a clock that needs no event loop.
const never = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));

let seen = 0;
let times = 0;
for (;;) {
  Atomics.wait(never, 0, 0, everyMs);
  const now = Atomics.load(run, 0);
  times = now !== 0 && now === seen ? times + 1 : 0;
  seen = now;
  if (times >= looks) end();
}

function end(): void {
  try {
    writeSync(
      2,
      `diegate: a model hangs in the express lane for ${(looks - 1) * everyMs} ms; the server process ends, to be started again. EXPRESS_DIES=0 runs models in worker processes only.\n`,
    );
  } finally {
    // exit would wait for the thread that hangs.
    process.kill(process.pid, 'SIGKILL');
  }
}
