import type { BatchFinding, BatchPolicy } from '../../models/batch-policy.js';
import { BatchTrial, type Difference, largestDifference, type Trials, triedSizes } from './batch-trials.js';

/** What the search for a policy needs to know of a version beside how to run it. */
interface PolicySearch extends Trials {
  readonly maxBatchSize: number;
  /** Rows that every run must have, where the graph says so. */
  readonly fixedBatch: number | undefined;
  /** Rows in every run, where the manifest says so. */
  readonly rowsPerRun?: number | undefined;
}

/** How dies are to be run, and what the probe rows scored that way. */
interface FoundPolicy extends BatchFinding {
  /** float32 [probes, outputs] row-major. */
  readonly scores: Float32Array;
}

/**
 * Sizes of runs that are tried where a version depends on its batch, in this order: the first that holds is taken, on every
 * machine: with 16 rows a lone die does not pay for a full batch, and a full batch of 64 is four runs. Another size would give
 * other bits, so nothing is timed: a replica, and an offline command, has to decide the same.
 */
const PADDED_SIZES = [16, 64, 4];

/**
 * Finds out by trial how a version's dies can be run so that each has the same outputs to the last bit whatever is
 * beside it: as they come, where the graph holds that; else padded to one size, or one at a time, by the same order everywhere.
 * @throws Error where the same row is given two different answers, or the size that is asked for does not hold
 */
export async function findPolicy(search: PolicySearch): Promise<FoundPolicy> {
  const { fixedBatch, maxBatchSize, rowsPerRun } = search;
  if (fixedBatch !== undefined) return fixedPolicy(search, fixedBatch);
  const trial = await BatchTrial.ofRowsAlone(search, 1);
  const difference = await differenceInAnyBatch(trial, maxBatchSize);
  const dependence = difference && { kind: await kindOf(trial, maxBatchSize), ...difference };
  if (rowsPerRun !== undefined) return { ...(await askedPolicy(search, rowsPerRun)), dependence };
  if (dependence === undefined) return { policy: { kind: 'any' }, scores: trial.scores, dependence };
  const single: FoundPolicy = { policy: { kind: 'single', rows: 1 }, scores: trial.scores, dependence };
  return dependence.kind === 'rows_mix' ? single : firstThatHolds(search, single);
}

async function differenceInAnyBatch(
  trial: BatchTrial,
  maxBatchSize: number,
): Promise<Difference | undefined> {
  const found: (Difference | undefined)[] = [];
  for (const rows of triedSizes(maxBatchSize)) found.push(await trial.differenceIn(rows, rows));
  return largestDifference(found);
}

async function kindOf(trial: BatchTrial, maxBatchSize: number): Promise<'rounding' | 'rows_mix'> {
  // Two rows show nearly every mixing; where it needs a crowd, a crowd of some rows does.
  const mix = (await trial.rowsMix(2)) || (await trial.rowsMix(Math.min(8, maxBatchSize)));
  return mix ? 'rows_mix' : 'rounding';
}

/** Padded to the first size in which a row has the same bits whatever its place and its neighbours; else one at a time. */
async function firstThatHolds(search: PolicySearch, single: FoundPolicy): Promise<FoundPolicy> {
  const sizes = new Set(PADDED_SIZES.map((rows) => Math.min(rows, search.maxBatchSize)));
  sizes.delete(1);
  for (const rows of sizes) {
    const trial = await BatchTrial.ofRowsAlone(search, rows);
    if ((await trial.differenceInRunsOf(rows)) === undefined)
      return { ...single, policy: { kind: 'padded', rows }, scores: trial.scores };
  }
  return single;
}

/** The manifest's own choice, if it holds. */
async function askedPolicy(
  search: PolicySearch,
  rows: number,
): Promise<{ policy: BatchPolicy; scores: Float32Array }> {
  const trial = await BatchTrial.ofRowsAlone(search, rows);
  if (rows === 1) return { policy: { kind: 'single', rows }, scores: trial.scores };
  const difference = await trial.differenceInRunsOf(rows);
  if (difference !== undefined)
    throw new Error(
      `batching.rowsPerRun is ${rows}, but output "${difference.output}" of a row depends on its place or its neighbours in such a run: expected 1, or no rowsPerRun`,
    );
  return { policy: { kind: 'padded', rows }, scores: trial.scores };
}

/** A graph with a fixed batch is filled with different dies where they do not differ by that, else with one. */
async function fixedPolicy(search: PolicySearch, rows: number): Promise<FoundPolicy> {
  const trial = await BatchTrial.ofRowsAlone(search, rows);
  const holds = rows > 1 && (await trial.differenceInRunsOf(rows)) === undefined;
  return {
    policy: { kind: holds ? 'padded' : 'single', rows },
    dependence: { kind: 'fixed_batch' },
    scores: trial.scores,
  };
}
