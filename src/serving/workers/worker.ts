import { constants, setPriority } from 'node:os';
import { WorkerChannel } from './frames.js';
import type { FromWorker, ToWorker } from './messages.js';
import { ortReason } from './ort-reason.js';
import { SessionHost } from './session-host.js';

// Beyond what frames and rows of a full batch take.
const LARGE_FILE_BYTES = 16 * 1024 * 1024;

/**
 * The worker process: the whole other side of the pool. It answers messages one after another, in
 * their order, and ends when the server process has gone.
 */
const versions = new SessionHost();

// A signal to the whole process group (Ctrl-C, a service manager) is for the server process, which
// lets the dies in flight finish and then ends its workers.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});

// Where cores are short the server process goes first: it needs microseconds for a socket or a probe, and a
// batch takes milliseconds whoever else waits.
setPriority(constants.priority.PRIORITY_BELOW_NORMAL);

const channel = new WorkerChannel();
channel.send({ type: 'started' });
for (let message = channel.receive(); message !== undefined; message = channel.receive()) {
  channel.send(await answer(message).catch(failed));
}
process.exit(0);

async function answer(message: ToWorker): Promise<FromWorker> {
  switch (message.type) {
    case 'open': {
      const { spec, intraOpThreads, model } = message;
      return { type: 'opened', key: spec.key, graph: await versions.open(spec, intraOpThreads, model) };
    }
    case 'warm': {
      const report = await versions.warm(message.key, message.policy);
      letGoOfFiles();
      return { type: 'warmed', key: message.key, report };
    }
    case 'run':
      return { type: 'ran', ...(await versions.run(message)) };
    case 'drift':
      return { type: 'drifted', key: message.key, ...versions.takeDrift(message.key) };
    case 'close':
      await versions.close(message.key);
      return { type: 'closed', key: message.key };
  }
}

/**
 * The bytes of a large model file are garbage once its session is open, but V8, which sees a small heap, would keep them
 * for as long as the worker lives. Before a worker is warm no die waits for it.
 */
function letGoOfFiles(): void {
  if (process.memoryUsage().arrayBuffers > LARGE_FILE_BYTES) globalThis.gc?.();
}

function failed(error: unknown): FromWorker {
  return { type: 'failed', message: ortReason(error instanceof Error ? error.message : String(error)) };
}
