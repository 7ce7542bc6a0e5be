import { basename } from 'node:path';
import type { DieLabel } from '../../die/die.js';
import type { Decision } from '../../die/prediction.js';
import { Fault } from '../../errors.js';
import { type Explanation, explanationOf } from '../../lots/explanation.js';
import { createPartMeasurer, type MeasuredPart } from '../../lots/measure-part.js';
import { explain } from '../../models/decision/explain.js';
import type { Parameter } from '../../models/manifest/manifest.js';
import type { ModelVersion } from '../../models/model-version.js';
import { assembleParts, type Lot, type Part, type ReadReport, type TestDefinition } from '../../stdf/stdf.js';
import type { DieScore, OfflineEngine } from './engine.js';

/** Why a part has no prediction, and the words for it. */
export const NOT_SCORED = {
  not_ended: 'no PRR: the part never ended',
  no_results: "no parametric results for the model's tests",
  missing_values: 'missing values, which the model does not accept',
  not_finite: "the model's score is not a finite number",
  inference_failed: 'the model could not be run on it',
} as const;

export type NotScored = keyof typeof NOT_SCORED;

export type PartOutcome =
  | {
      readonly kind: 'scored';
      readonly prediction: Decision;
      readonly confidence: number;
      readonly score: number;
      readonly explanations: readonly Explanation[];
    }
  | { readonly kind: 'not_scored'; readonly reason: NotScored };

/** One part of a lot file with its prediction. */
export interface ScoredPart {
  readonly label: DieLabel;
  /** The part without its results, which are too many to keep. */
  readonly part: Omit<Part, 'results'>;
  /** How many of the model's tests have a value. */
  readonly measured: number;
  readonly outcome: PartOutcome;
}

/** A lot file, scored. */
export interface ScoredLot {
  readonly file: string;
  /** In the order in which the parts ended. */
  readonly parts: readonly ScoredPart[];
  readonly lot: Lot;
  readonly report: ReadReport;
  /** Tests of the model that the lot has, but without one usable value. */
  readonly withoutValues: readonly Parameter[];
}

export interface ScoreLotOptions {
  readonly file: string;
  readonly bytes: AsyncIterable<Uint8Array>;
  readonly version: ModelVersion;
  readonly engine: OfflineEngine;
  /** Explain each decision with so many tests; 0 for none. */
  readonly explain: number;
  /** Told of every part that was scored, in the order of the file, before its values are let go. */
  readonly onScored?: ((die: MeasuredPart, row: Float32Array) => void) | undefined;
}

/**
 * Scores every part of a lot file that can be scored, reading on while a batch runs. Memory grows with
 * the parts, not with their results.
 * @throws Fault `invalid_data` when the file is not STDF V4, or names the tests that it does not have
 */
export async function scoreLot(options: ScoreLotOptions): Promise<ScoredLot> {
  const { file, bytes, version, engine } = options;
  const { parameters } = version.manifest.input;
  const measurer = createPartMeasurer(parameters, basename(file));
  const stream = assembleParts(bytes);
  const tests = createTestFinder(() => stream.lot());
  const parts: ScoredPart[] = [];
  let waiting: { at: number; measured: MeasuredPart }[] = [];
  let running: Promise<void> = Promise.resolve();

  const flush = async () => {
    const batch = waiting;
    waiting = [];
    await running;
    running = scoreBatch(
      batch.map(({ measured }) => measured),
      options,
      tests,
    ).then((outcomes) => {
      batch.forEach(({ at, measured }, i) => {
        const outcome = outcomes[i];
        if (outcome !== undefined) parts[at] = scoredPart(measured, outcome);
      });
    });
    // Awaited at the next flush: until then a failure must not count as unhandled.
    running.catch(() => {});
  };

  for await (const part of stream) {
    const measured = measurer.measure(part, stream.lot());
    const reason = whyNot(measured, version);
    if (reason === undefined) waiting.push({ at: parts.length, measured });
    parts.push(scoredPart(measured, { kind: 'not_scored', reason: reason ?? 'inference_failed' }));
    if (waiting.length >= engine.maxDies) await flush();
  }
  await flush();
  await running;

  const lot = stream.lot();
  const never = measurer.neverMeasured();
  assertTestsAreThere(never, { file, lot, version });
  return { file, parts, lot, report: stream.report(), withoutValues: never };
}

function scoredPart({ part, label, measured }: MeasuredPart, outcome: PartOutcome): ScoredPart {
  const { results: _results, ...rest } = part;
  return { label, part: rest, measured, outcome };
}

function whyNot({ part, measured, params }: MeasuredPart, { contract }: ModelVersion): NotScored | undefined {
  if (part.end !== 'ended') return 'not_ended';
  if (measured === 0) return 'no_results';
  return measured < params.length && !contract.acceptsMissing ? 'missing_values' : undefined;
}

async function scoreBatch(
  batch: readonly MeasuredPart[],
  { engine, version, explain: k, onScored }: ScoreLotOptions,
  testOf: TestFinder,
): Promise<PartOutcome[]> {
  const width = version.contract.parameterCount;
  const rows = new Float32Array(batch.length * width);
  batch.forEach(({ params }, i) => {
    rows.set(params, i * width);
  });
  const scores = await engine.score(rows, k > 0);
  scores.forEach((score, i) => {
    const measured = batch[i];
    if (score.kind === 'scored' && measured !== undefined) onScored?.(measured, score.row);
  });
  return scores.map((score, i) =>
    outcomeOf(score, rows.subarray(i * width, (i + 1) * width), version, k, testOf),
  );
}

function outcomeOf(
  die: DieScore,
  values: Float32Array,
  version: ModelVersion,
  k: number,
  testOf: TestFinder,
): PartOutcome {
  if (die.kind === 'failed') return { kind: 'not_scored', reason: 'inference_failed' };
  const decided = version.decide(die.row, 0);
  if (decided === undefined) return { kind: 'not_scored', reason: 'not_finite' };
  const { parameters } = version.manifest.input;
  const listed = typeof parameters === 'number' ? [] : parameters;
  const contributions =
    die.contributions === undefined ? [] : explain(k, die.contributions, values, version.manifest);
  return {
    kind: 'scored',
    prediction: decided.prediction,
    confidence: decided.confidence,
    score: decided.anomalyScore,
    explanations: contributions.map((contribution) => explanationOf(contribution, listed, testOf)),
  };
}

type TestFinder = (testNumber: number | undefined) => TestDefinition | undefined;

/** Finds a test of the lot by its number; of several with one number the first. */
function createTestFinder(lot: () => Lot): TestFinder {
  const byNumber = new Map<number, TestDefinition>();
  let seen = 0;
  return (testNumber) => {
    const { tests } = lot();
    for (; seen < tests.length; seen++) {
      const test = tests[seen];
      if (test !== undefined && !byNumber.has(test.testNum)) byNumber.set(test.testNum, test);
    }
    return testNumber === undefined ? undefined : byNumber.get(testNumber);
  };
}

const MAX_LISTED = 20;

function assertTestsAreThere(
  never: readonly Parameter[],
  { file, lot, version }: { file: string; lot: Lot; version: ModelVersion },
): void {
  const there = new Set(lot.tests.map(({ testNum }) => testNum));
  const absent = never.filter(({ testNumber }) => testNumber === undefined || !there.has(testNumber));
  if (absent.length === 0) return;
  const names = absent.slice(0, MAX_LISTED).map(({ testNumber, name }) => `${testNumber} ${name.trim()}`);
  const more = absent.length > MAX_LISTED ? ` and ${absent.length - MAX_LISTED} more` : '';
  throw new Fault('invalid_data', [
    `${file} lacks ${absent.length} of the ${version.contract.parameterCount} tests of model ${version.key}: ${names.join(', ')}${more}`,
  ]);
}
