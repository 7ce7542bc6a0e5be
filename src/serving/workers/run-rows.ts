import type { BatchPolicy } from '../../models/batch-policy.js';
import type { RunResult } from './session.js';

/**
 * One `session.run` of `dies` rows.
 * @param params float32 [dies, parameters] row-major
 */
export type RunRows = (dies: number, params: Float32Array, explain: boolean) => Promise<RunResult>;

/**
 * Runs dies by a policy: in one run as they are, or in as many runs of one size as they need. The rows of such runs
 * always begin at the same places in memory, by which ONNX Runtime orders some of its additions.
 */
export class PolicyRunner {
  readonly #run: RunRows;
  readonly #policy: BatchPolicy;
  readonly #rows: Float32Array;

  constructor(run: RunRows, policy: BatchPolicy, parameterCount: number) {
    this.#run = run;
    this.#policy = policy;
    this.#rows = new Float32Array(policy.kind === 'any' ? 0 : policy.rows * parameterCount);
  }

  get policy(): BatchPolicy {
    return this.#policy;
  }

  /** @param params float32 [dies, parameters] row-major; where the policy is `any`, at 16 bytes in memory */
  run(dies: number, params: Float32Array, explain: boolean): Promise<RunResult> {
    return this.#policy.kind === 'any'
      ? this.#run(dies, params, explain)
      : this.#runInParts(dies, params, explain, this.#policy);
  }

  async #runInParts(
    dies: number,
    params: Float32Array,
    explain: boolean,
    { kind, rows }: BatchPolicy & { readonly rows: number },
  ): Promise<RunResult> {
    const diesInRun = kind === 'single' ? 1 : rows;
    const width = this.#rows.length / rows;
    let whole: Assembled | undefined;
    for (let from = 0; from < dies; from += diesInRun) {
      const count = Math.min(diesInRun, dies - from);
      this.#fill(params.subarray(from * width, (from + count) * width), width);
      const part = await this.#run(rows, this.#rows, explain);
      whole ??= new Assembled(dies, rows, part);
      whole.add(part, from, count);
    }
    return whole ?? this.#run(0, params, explain);
  }

  /** The dies, and the last of them again as often as there is room. */
  #fill(dies: Float32Array, width: number): void {
    this.#rows.set(dies);
    for (let at = dies.length; at < this.#rows.length; at += width)
      this.#rows.set(dies.subarray(dies.length - width), at);
  }
}

/** The results of several runs as one. */
class Assembled implements RunResult {
  readonly scores: Float32Array;
  readonly contributions: Float32Array | undefined;
  runMs = 0;

  constructor(dies: number, rows: number, { scores, contributions }: RunResult) {
    this.scores = new Float32Array((scores.length / rows) * dies);
    this.contributions = contributions && new Float32Array((contributions.length / rows) * dies);
    this.#dies = dies;
  }

  readonly #dies: number;

  /** Takes over the first `count` rows of a run as those of the dies from `from` on. */
  add({ scores, contributions, runMs }: RunResult, from: number, count: number): void {
    this.runMs += runMs;
    copyRows(scores, this.scores, this.scores.length / this.#dies, from, count);
    if (contributions !== undefined && this.contributions !== undefined)
      copyRows(contributions, this.contributions, this.contributions.length / this.#dies, from, count);
  }
}

function copyRows(source: Float32Array, target: Float32Array, width: number, from: number, count: number) {
  target.set(source.subarray(0, count * width), from * width);
}
