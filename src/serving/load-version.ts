import { Fault } from '../errors.js';
import type { LoadReport } from '../models/catalogue.js';
import { graphProblems } from '../models/manifest/graph.js';
import type { ModelVersion } from '../models/model-version.js';
import { outputProblems } from '../models/output-problems.js';
import { probeRowsOf } from '../models/probe-rows.js';
import type { Batcher } from './batching/batcher.js';
import type { Clock } from './clock.js';
import { checkGolden } from './golden-check.js';
import { sessionSpecOf } from './session-spec.js';
import type { SessionSpec } from './workers/messages.js';
import type { WorkerPool } from './workers/pool.js';

/** Where versions are opened to be run, and closed again. */
export type VersionRunner = Pick<WorkerPool, 'open' | 'closeVersion'>;

/**
 * Opens a version on every worker, checks its graph against its manifest and its outputs for being what its task
 * says, and gives it a queue.
 * @throws Fault `invalid_model` with one line for each problem, all of them beginning with the version
 */
export async function loadVersion(
  version: ModelVersion,
  { runner, batcher, clock }: { runner: VersionRunner; batcher: Batcher; clock: Clock },
): Promise<LoadReport> {
  const { key, manifest, contract } = version;
  const { maxBatchSize, maxQueueDelayMs, maxQueueSize } = manifest.batching;
  const startedMs = clock.nowMs();
  const probes = probeRowsOf(version);
  const { report } = await openChecked(version, runner, sessionSpecOf(version, probes));
  const problems = outputProblems(version, probes, report.scores);
  if (problems.length > 0) {
    await runner.closeVersion(key);
    throw new Fault(
      'invalid_model',
      problems.map((problem) => `model ${key}: ${problem}`),
    );
  }
  batcher.add(
    { key, parameterCount: contract.parameterCount, maxBatchSize, maxQueueDelayMs, maxQueueSize },
    report.costs,
  );
  try {
    await checkGolden(version, { batcher, clock });
  } catch (error) {
    await batcher.remove(key);
    await runner.closeVersion(key);
    throw error;
  }
  const { policy, dependence } = report;
  return { loadedAt: new Date(), loadMs: clock.nowMs() - startedMs, batching: { policy, dependence } };
}

async function openChecked({ key, manifest }: ModelVersion, runner: VersionRunner, spec: SessionSpec) {
  try {
    return await runner.open(spec, (graph) => {
      const problems = graphProblems(manifest, graph);
      if (problems.length > 0) {
        throw new Fault(
          'invalid_model',
          problems.map((problem) => `model ${key}: ${problem}`),
        );
      }
    });
  } catch (error) {
    if (error instanceof Fault) throw error;
    const line = error instanceof Error ? error.message : String(error);
    const what = /^\S+ (?:has|cannot be|is|says) /.test(line) ? line : `model.onnx cannot be run: ${line}`;
    throw new Fault('invalid_model', [`model ${key}: ${what}`], error);
  }
}
