import { WorkerChannel } from '../../../dist/serving/workers/frames.js';

const GRAPH = { inputs: [], outputs: [] };
const REPORT = { policy: { kind: 'any' }, scores: new Float32Array(), costs: [] };

/** The worker's side of the protocol without ONNX Runtime; `onRun` plays the fault. */
export function pretendWorker(onRun) {
  const channel = new WorkerChannel();
  channel.send({ type: 'started' });
  for (let message = channel.receive(); message !== undefined; message = channel.receive()) {
    if (message.type === 'open') channel.send({ type: 'opened', key: message.spec.key, graph: GRAPH });
    else if (message.type === 'warm') channel.send({ type: 'warmed', key: message.key, report: REPORT });
    else onRun(channel);
  }
  process.exit(0);
}
