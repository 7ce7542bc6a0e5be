import { fetchedOutputs } from '../../src/models/manifest/fetched-outputs.js';
import { inputTensors } from '../../src/models/manifest/input-tensors.js';
import { probeOf } from '../../src/models/model-version.js';
import { readVersion } from '../../src/models/repository/read-version.js';
import { Session } from '../../src/serving/workers/session.js';

/**
 * Raw ONNX Runtime: `session.run` at batch 64 on one thread, again and again, in a process that does
 * nothing else. Prints dies a second.
 */
const BATCH = 64;
const [folder = '', name = '', seconds = '2'] = process.argv.slice(2);

const version = await readVersion(folder, name, '1');
const { parameterCount } = version.contract;
const probe = probeOf(version);
const session = await Session.open(
  {
    key: version.key,
    modelFile: version.modelFile,
    inputs: inputTensors(version.manifest),
    parameterCount,
    outputs: fetchedOutputs(version.manifest),
    contributionsName: undefined,
    maxBatchSize: BATCH,
    probes: probe,
  },
  1,
);
const params = new Float32Array(BATCH * parameterCount);
for (let i = 0; i < BATCH; i++) params.set(probe, i * parameterCount);
for (let i = 0; i < 50; i++) await session.run(BATCH, params, false);
const startedMs = performance.now();
let dies = 0;
while (performance.now() - startedMs < Number(seconds) * 1000) {
  await session.run(BATCH, params, false);
  dies += BATCH;
}
process.stdout.write(`${(dies / (performance.now() - startedMs)) * 1000}\n`);
