import type { BatchPolicy } from '../../models/batch-policy.js';
import { fixedBatch } from '../../models/manifest/graph.js';
import { triedSizes } from './batch-trials.js';
import { findPolicy } from './find-policy.js';
import type { WarmUpReport } from './messages.js';
import { PolicyRunner, type RunRows } from './run-rows.js';
import type { Session } from './session.js';

/** A session that has been tried, and how its dies are run from now on. */
interface WarmSession {
  readonly runner: PolicyRunner;
  readonly report: WarmUpReport;
}

/**
 * Finds out on this machine how the dies of a session are to be run, so that a die has the same outputs to the last
 * bit in any batch, and what that costs. Every path that batches of these sizes take has then been taken once.
 * @param found the policy that another worker has found: only tried once, not looked for
 */
export async function warmUp(session: Session, found: BatchPolicy | undefined): Promise<WarmSession> {
  const { spec } = session;
  const run: RunRows = (dies, params, explain) => session.run(dies, params, explain);
  // An autoencoder's contributions are made here and named by no output of the graph.
  const made = spec.outputs[0]?.reconstructs === undefined ? undefined : 'contributions';
  const contributionsName = spec.contributionsName ?? made;
  const search = { ...spec, contributionsName, run, fixedBatch: fixedBatch(session.graph) };
  const { policy, dependence, scores } =
    found === undefined
      ? await findPolicy(search)
      : { policy: found, dependence: undefined, scores: new Float32Array() };
  const runner = new PolicyRunner(run, policy, spec.parameterCount);
  const costs = await costsOf(runner, spec);
  if (contributionsName !== undefined) await runner.run(1, spec.probes.slice(0, spec.parameterCount), true);
  return { runner, report: { policy, dependence, scores, costs } };
}

/** Milliseconds of some batches, run as dies will be. */
async function costsOf(
  runner: PolicyRunner,
  { probes, parameterCount: width, maxBatchSize }: Session['spec'],
): Promise<[number, number][]> {
  const count = probes.length / width;
  const rows = new Float32Array(maxBatchSize * width);
  for (let row = 0; row < maxBatchSize; row++)
    rows.set(probes.subarray((row % count) * width, ((row % count) + 1) * width), row * width);
  const costs: [number, number][] = [];
  for (const dies of sizesOfCosts(maxBatchSize))
    costs.push([dies, (await runner.run(dies, rows.subarray(0, dies * width), false)).runMs]);
  return costs;
}

/** A few sizes suffice for a line: one die, powers of four, the largest. */
function sizesOfCosts(maxBatchSize: number): number[] {
  const powers = triedSizes(maxBatchSize).filter((size) => Number.isInteger(Math.log2(size) / 2));
  return [...new Set([1, ...powers, maxBatchSize])];
}
