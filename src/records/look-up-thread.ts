import { parentPort, workerData } from 'node:worker_threads';
import { z } from 'zod';
import { LookUp } from './look-up.js';
import type { AskedDie } from './record.js';

/** The thread that looks dies up: reading and unpacking segments takes milliseconds that the event loop has not. */
const port = parentPort;
if (port === null) throw new Error('look-ups run in a thread of the server');
const lookUp = new LookUp(z.string().parse(workerData));

// One after another: what has been read of the open segment is kept between them.
let turn: Promise<unknown> = Promise.resolve();
port.on('message', ({ id, asked }: { readonly id: number; readonly asked: AskedDie }) => {
  turn = turn
    .then(() => lookUp.find(asked))
    .then(
      (records) => port.postMessage({ id, records }),
      (error: unknown) =>
        port.postMessage({ id, problem: error instanceof Error ? error.message : String(error) }),
    );
});
