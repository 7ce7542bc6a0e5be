import { WorkerChannel } from '../../../dist/serving/workers/frames.js';

// As a process that replaces another one: versions whose name begins with "gone" cannot be opened again.
const GRAPH = { inputs: [], outputs: [] };
const REPORT = { policy: { kind: 'any' }, scores: new Float32Array(), costs: [] };
const refused = new Set();

function answer(message) {
  const key = message.spec?.key ?? message.key;
  if (message.type === 'open' && message.model !== undefined && key.startsWith('gone')) refused.add(key);
  if (refused.has(key)) return { type: 'failed', message: `${key} cannot be opened` };
  if (message.type === 'open') return { type: 'opened', key, graph: GRAPH };
  if (message.type === 'warm') return { type: 'warmed', key, report: REPORT };
  return { type: 'ran', scores: new Float32Array(message.dies), contributions: undefined, runMs: 0 };
}

const channel = new WorkerChannel();
channel.send({ type: 'started' });
for (let message = channel.receive(); message !== undefined; message = channel.receive()) {
  channel.send(answer(message));
}
process.exit(0);
