import { type CountingTable, countRow, edgesBelow } from './bin-counts.js';
import { CONFIDENCE_BINS, DriftCounts, floatsOfCounts } from './counts.js';
import { Sampler } from './sampler.js';
import { WAFER_BUCKETS } from './wafer-buckets.js';

/** What a worker needs to count the drift of one version; plain, so that it can be sent. */
export interface CountingSpec extends CountingTable {
  readonly parameters: number;
  /** float32 [9]. */
  readonly scoreEdges: Float32Array;
  /** Groups of equipment, numbered from 0. */
  readonly groups: number;
}

/** Decides the die whose outputs begin at `at` in `rows`; undefined where they mean nothing. */
export type DecideOutputs = (
  rows: Float32Array,
  at: number,
) =>
  | { readonly prediction: 'pass' | 'fail'; readonly confidence: number; readonly anomalyScore: number }
  | undefined;

/** The dies of one run, as they were scored. */
interface CountedRun {
  readonly dies: number;
  /** float32 [dies, parameters] row-major. */
  readonly params: Float32Array;
  /** float32 [dies, outputs] row-major, as `DecideOutputs` reads them. */
  readonly rows: Float32Array;
  /** float32 [dies]: see `groupCode`; a group that does not exist counts as the last. */
  readonly groups: Float32Array;
}

/** Counts of one group. */
export interface GroupCounts {
  readonly group: number;
  readonly counts: DriftCounts;
}

/**
 * Dies of one version that a worker counts in ten seconds. Counting one die of 512 parameters takes about
 * twice as long as scoring it in a full batch; these are 360,000 in an hour, and a fortieth of
 * these tell a distribution as well as the reference itself is known.
 */
const SAMPLED_PER_PERIOD = 1000;

/** Counts beside a session: outputs and parameters of a sample of the dies. Lives in the worker. */
export class DriftCounter {
  readonly #spec: CountingSpec;
  readonly #decide: DecideOutputs;
  readonly #sampler: Sampler;
  #counts: (DriftCounts | undefined)[] = [];

  /**
   * @param random uniform in [0, 1)
   * @param perPeriod dies that are counted in ten seconds; infinite counts all
   */
  constructor(
    spec: CountingSpec,
    decide: DecideOutputs,
    random: () => number,
    perPeriod = SAMPLED_PER_PERIOD,
  ) {
    this.#spec = spec;
    this.#decide = decide;
    this.#sampler = new Sampler(perPeriod, random);
  }

  /** Counts the dies of a run; `nowMs` may come from any clock that only rises. */
  count({ dies, params, rows, groups }: CountedRun, nowMs: number): void {
    this.#sampler.at(nowMs);
    const width = rows.length / dies;
    for (let die = 0; die < dies; die++) {
      const code = groups[die] ?? 0;
      const counts = this.#of(code / WAFER_BUCKETS);
      counts.dies++;
      if (!this.#sampler.take()) continue;
      this.#countOutputs(counts, rows, die * width, code & (WAFER_BUCKETS - 1));
      countRow(counts, this.#spec, params, die);
    }
  }

  /** Hands over what was counted since the last time, and begins anew. */
  take(): GroupCounts[] {
    const taken = this.#counts.flatMap((counts, group) => (counts === undefined ? [] : [{ group, counts }]));
    this.#counts = [];
    return taken;
  }

  #of(group: number): DriftCounts {
    const last = this.#spec.groups - 1;
    const known = group >= 0 && group < last ? Math.floor(group) : last;
    this.#counts[known] ??= new DriftCounts(this.#spec.parameters);
    return this.#counts[known];
  }

  #countOutputs(counts: DriftCounts, rows: Float32Array, at: number, wafer: number): void {
    const decided = this.#decide(rows, at);
    if (decided === undefined) {
      counts.unscorable++;
      return;
    }
    const { prediction, confidence, anomalyScore } = decided;
    counts.waferDies[wafer]++;
    if (prediction === 'fail') {
      counts.fails++;
      counts.waferFails[wafer]++;
    }
    const bin = Math.min(CONFIDENCE_BINS - 1, Math.floor(confidence * CONFIDENCE_BINS));
    counts.confidenceSum += confidence;
    counts.confidence[bin] = (counts.confidence[bin] ?? 0) + 1;
    const score = edgesBelow(this.#spec.scoreEdges, 0, anomalyScore);
    counts.score[score] = (counts.score[score] ?? 0) + 1;
  }
}

/** Counts as they cross from a worker: the groups, and their floats one behind the other. */
export interface CountsMessage {
  readonly groups: readonly number[];
  readonly counts: Float32Array;
}

/** Group counts as a message. */
export function toMessage(counted: readonly GroupCounts[]): CountsMessage {
  const blocks = counted.map(({ counts }) => counts.toFloats());
  const counts = new Float32Array(blocks.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const block of blocks) {
    counts.set(block, at);
    at += block.length;
  }
  return { groups: counted.map(({ group }) => group), counts };
}

/**
 * Group counts from a message.
 * @throws RangeError when the floats are not those of so many groups and parameters
 */
export function fromMessage(parameters: number, { groups, counts }: CountsMessage): GroupCounts[] {
  const size = floatsOfCounts(parameters);
  return groups.map((group, i) => ({
    group,
    counts: DriftCounts.fromFloats(parameters, counts.subarray(i * size, (i + 1) * size)),
  }));
}
