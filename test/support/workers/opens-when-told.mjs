import { existsSync, writeFileSync } from 'node:fs';
import { WorkerChannel } from '../../../dist/serving/workers/frames.js';

// As a heavy model: a version is being opened until its model file is there, and a file beside it says that it is. Runs
// answer with the process id.
const GRAPH = { inputs: [], outputs: [] };
const REPORT = { policy: { kind: 'any' }, scores: new Float32Array(), costs: [] };
const LOOK_MS = 5;

function answer(message) {
  const key = message.spec?.key ?? message.key;
  if (message.type === 'open') {
    writeFileSync(`${message.spec.modelFile}.opening`, String(process.pid));
    const cell = new Int32Array(new SharedArrayBuffer(4));
    while (!existsSync(message.spec.modelFile)) Atomics.wait(cell, 0, 0, LOOK_MS);
    return { type: 'opened', key, graph: GRAPH };
  }
  if (message.type === 'warm') return { type: 'warmed', key, report: REPORT };
  if (message.type === 'close') return { type: 'closed', key };
  if (message.type === 'drift')
    return { type: 'drifted', key, groups: [3], counts: Float32Array.of(process.pid) };
  const scores = new Float32Array(message.dies).fill(process.pid);
  return { type: 'ran', scores, contributions: undefined, runMs: 0 };
}

const channel = new WorkerChannel();
channel.send({ type: 'started' });
for (let message = channel.receive(); message !== undefined; message = channel.receive()) {
  channel.send(answer(message));
}
process.exit(0);
