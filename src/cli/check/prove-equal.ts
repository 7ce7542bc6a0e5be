import { Fault } from '../../errors.js';
import type { GraphHints } from '../../models/graph/hints.js';
import type { FetchedOutput } from '../../models/manifest/fetched-outputs.js';
import { fixedBatch, type GraphInfo, type TensorInfo } from '../../models/manifest/graph.js';
import type { FeedTensor } from '../../models/manifest/input-tensors.js';
import type { KeptOutput } from './fix-model.js';
import { runRows } from './run-rows.js';

/** What a run of a model and of its repaired copy has shown. */
export interface Proof {
  /** Rows that were run through both. */
  readonly rows: number;
  /** Names of the outputs that were compared. */
  readonly outputs: readonly string[];
  /** Largest difference of a value, as a share of the larger magnitude (or of 1); 0 for the same bits. */
  readonly difference: number;
  /** Why the original could not be run, where that is so: nothing was compared then. */
  readonly unproven?: string;
}

/** A model file and what is known of it. */
interface ProvenModel {
  readonly file: string;
  readonly graph: GraphInfo;
}

const ROWS = 64;

/**
 * Runs the same rows through a model, as it takes them, and through its repaired copy, alone and in batches.
 * @throws Fault `invalid_model` where the repaired copy cannot be run
 */
export async function proveEqual(
  before: ProvenModel,
  after: ProvenModel,
  {
    inputs,
    parameters,
    renamed,
    hints,
    workerEntry,
  }: {
    readonly inputs: readonly FeedTensor[];
    readonly parameters: number;
    readonly renamed: readonly KeptOutput[];
    readonly hints: GraphHints;
    readonly workerEntry: string | undefined;
  },
): Promise<Proof> {
  const pairs = comparable(before.graph, after.graph, renamed, hints);
  const rows = provingRows(inputs, parameters);
  const run = (model: ProvenModel, outputs: readonly FetchedOutput[], batch: number) =>
    runRows({ modelFile: model.file, inputs, parameters, outputs, batch, rows }, workerEntry);
  const signs = pairs.flatMap(({ output, sign }) => Array<number>(output.size).fill(sign));
  const expected = await run(
    before,
    pairs.map(({ output }) => output),
    fixedBatch(before.graph) ?? 1,
  ).catch((error: unknown) => {
    if (error instanceof Fault) return error;
    throw error;
  });
  let difference = 0;
  for (const batch of new Set([1, fixedBatch(after.graph) ?? 16])) {
    const outputs = pairs.map(({ output, after: name }) => ({ ...output, name }));
    const found = await run(after, outputs, batch);
    if (expected instanceof Fault) continue;
    found.forEach((value, i) => {
      const negated = (signs[i % signs.length] ?? 1) * (expected[i] ?? Number.NaN);
      difference = Math.max(difference, relativeDifference(value, negated));
    });
  }
  const outputs = pairs.map(({ after: name }) => name);
  const proof = { rows: ROWS, outputs, difference };
  return expected instanceof Fault ? { ...proof, unproven: expected.message } : proof;
}

/** The outputs of numbers, or of known labels, that both have in one form. */
function comparable(
  before: GraphInfo,
  after: GraphInfo,
  renamed: readonly KeptOutput[],
  hints: GraphHints,
): { output: FetchedOutput; after: string; sign: number }[] {
  return before.outputs.flatMap((tensor) => {
    const kept = renamed.find((one) => one.before === tensor.name);
    const name = kept?.after ?? tensor.name;
    const size = sizeOfOutput(tensor, hints);
    const isThere = after.outputs.some((one) => one.name === name && one.type === tensor.type);
    if (size === undefined || !isThere) return [];
    const sign = kept?.sign ?? 1;
    if (tensor.type !== 'string') return [{ output: { name: tensor.name, size }, after: name, sign }];
    const labels = hints.classes;
    return labels === undefined
      ? []
      : [{ output: { name: tensor.name, size: 1, labels }, after: name, sign }];
  });
}

function sizeOfOutput({ type, shape }: TensorInfo, { classes }: GraphHints): number | undefined {
  if (!/^(float32|float64|u?int\d+|bool|string)$/.test(type) || shape.length === 0) return undefined;
  const sizes = shape.slice(1).map((size) => (typeof size === 'number' ? size : classes?.length));
  return sizes.every((size) => size !== undefined) ? sizes.reduce((a, b) => a * b, 1) : undefined;
}

/** Rows of the size of standardised measurements, the same at every run; small whole numbers for what is none. */
function provingRows(inputs: readonly FeedTensor[], parameters: number): Float32Array {
  const rows = new Float32Array(ROWS * parameters);
  let state = 12_345;
  const next = () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return state / 0x7fffffff;
  };
  for (let row = 0; row < ROWS; row++) {
    for (const { type, from, columns, categories } of inputs) {
      for (let i = 0; i < columns; i++) {
        const most = type === 'bool' ? 2 : (categories?.[i]?.length ?? 4);
        const isReal = type === 'float32' || type === 'float64';
        rows[row * parameters + from + i] = isReal ? (next() - 0.5) * 6 : Math.floor(next() * most);
      }
    }
  }
  return rows;
}

function relativeDifference(a: number, b: number): number {
  if (Object.is(a, b) || a === b) return 0;
  const difference = Math.abs(a - b) / Math.max(1, Math.abs(a), Math.abs(b));
  return Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference;
}
