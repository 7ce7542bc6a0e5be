import { basename } from 'node:path';
import { createDieRegister, type DieNaming } from '../../lots/dies/die-register.js';
import { lotKeyOf, lotPassOf } from '../../lots/dies/lot-key.js';
import { explanationOf } from '../../lots/explanation.js';
import {
  createPartMeasurer,
  type MeasuredPart,
  type PartMeasurer,
  type ValueFacts,
} from '../../lots/measure-part.js';
import { joinMatches } from '../../lots/tests/join-matches.js';
import type { TestMatch } from '../../lots/tests/match-tests.js';
import { type RefusedLot, testsRefused } from '../../lots/tests/refusal.js';
import type { TestNaming } from '../../lots/tests/test-identity.js';
import { whyUnscorable } from '../../lots/unscorable.js';
import { explain } from '../../models/decision/explain.js';
import type { Parameter } from '../../models/manifest/input-schema.js';
import type { ModelVersion } from '../../models/model-version.js';
import { assembleParts, type Lot, type Part, type ReadReport } from '../../stdf/stdf.js';
import { namingFile } from '../lot-file.js';
import type { DieScore, OfflineEngine } from './engine.js';
import type { PartOutcome } from './scored-part.js';
import { ScoredColumns, type ScoredParts } from './scored-parts.js';

/** A file, or the part of one, that a lot was read from. */
interface LotPart {
  readonly file: string;
  readonly lot: Lot;
  readonly report: ReadReport;
}

/** A lot, scored: files with one LOT_ID, SBLOT_ID and TEST_COD are one lot. */
export interface ScoredLot {
  /** The names of its files. */
  readonly file: string;
  readonly passes: readonly LotPart[];
  /** In the order in which the parts ended, pass by pass. */
  readonly parts: ScoredParts;
  /** What the first of its passes says. */
  readonly lot: Lot;
  readonly naming: DieNaming;
  /** Whether coordinates say where parts were; else there are no wafer maps. */
  readonly hasPlaces: boolean;
  /** Tests whose values were converted to the model's unit. */
  readonly converted: TestMatch['converted'];
  /** Tests of the model that the lot has, but without one usable value. */
  readonly withoutValues: readonly Parameter[];
}

interface ScoreLotsOptions {
  readonly files: readonly string[];
  /** What is in a file. */
  readonly bytesOf: (file: string) => AsyncIterable<Uint8Array>;
  readonly version: ModelVersion;
  readonly engine: OfflineEngine;
  /** Explain each decision with so many tests; 0 for none. */
  readonly explain: number;
  /** Told of every part that was scored, in the order of the file, before its values are let go. */
  readonly onScored?: ((die: MeasuredPart, row: Float32Array) => void) | undefined;
  readonly naming: TestNaming;
  /** Told of every part of its lot, scored or not, before its results are let go. */
  readonly onPart?: ((part: Part, lot: Lot) => void) | undefined;
}

/**
 * Scores every part of lot files that can be scored, reading on while a batch runs. Memory grows with the
 * parts, by some two hundred bytes each, not with their results.
 * @throws Fault `invalid_data` naming the file that is not STDF V4; {@link TestsRefused} where a lot's tests
 *   are not the model's
 */
export async function scoreLots(options: ScoreLotsOptions): Promise<ScoredLot[]> {
  const lots = new Map<unknown, LotScoring>();
  for (const file of options.files) await namingFile(file, readFile(file, lots, options));
  const scored = [...lots.values()];
  const refused = scored.flatMap((lot) => lot.refused());
  if (refused.length > 0) throw testsRefused(refused, options.version);
  return scored.map((lot) => lot.finish());
}

async function readFile(
  file: string,
  lots: Map<unknown, LotScoring>,
  options: ScoreLotsOptions,
): Promise<void> {
  // An explanation tells the limits of a part's results, when its batch has been scored.
  const stream = assembleParts(options.bytesOf(file), { lend: options.explain === 0 });
  const ofFile: LotScoring[] = [];
  const scoringOf = (index: number): LotScoring => {
    const known = ofFile[index];
    if (known !== undefined) return known;
    const lot = stream.lots()[index];
    if (lot === undefined) throw new Error(`no lot ${index} in ${file}`);
    const key = lotKeyOf(lot) ?? lot;
    const scoring = lots.get(key) ?? createLotScoring(options);
    lots.set(key, scoring);
    scoring.begin({ file, lot, report: stream.report });
    ofFile[index] = scoring;
    return scoring;
  };
  for await (const part of stream) await scoringOf(part.lot).add(part);
  // A lot without parts is a lot, too.
  stream.lots().forEach((_, index) => {
    scoringOf(index);
  });
  for (const scoring of ofFile) await scoring.settle();
}

interface LotScoring {
  /** Begins a file of the lot: the parts that follow are of it. */
  begin(pass: { readonly file: string; readonly lot: Lot; readonly report: () => ReadReport }): void;
  add(part: Part): Promise<void>;
  /** Scores what still waits. */
  settle(): Promise<void>;
  refused(): readonly RefusedLot[];
  finish(): ScoredLot;
}

function createLotScoring(options: ScoreLotsOptions): LotScoring {
  const { version, engine, naming } = options;
  const register = createDieRegister();
  const passes: { readonly file: string; readonly lot: Lot; readonly report: () => ReadReport }[] = [];
  const entries = new ScoredColumns();
  let measurer: PartMeasurer | undefined;
  const measurers: PartMeasurer[] = [];
  let waiting: { readonly entry: number; readonly measured: MeasuredPart; readonly factsOf: FactsOf }[] = [];
  let running: Promise<void> = Promise.resolve();
  const width = version.contract.parameterCount;
  const roomOf = () => new Float32Array(engine.maxDies * width);
  // The rows of the batch that is gathered, and of the one that runs meanwhile; none while no part of the lot comes.
  let rows: Float32Array | undefined;
  let spare: Float32Array | undefined;

  async function flush(): Promise<void> {
    const batch = waiting;
    waiting = [];
    await running;
    if (batch.length === 0 || rows === undefined) return;
    const gathered = rows.subarray(0, batch.length * width);
    [rows, spare] = [spare, rows];
    running = scoreBatch(
      batch.map(({ measured }) => measured),
      gathered,
      options,
      (i, parameter) => {
        const one = batch[i];
        return one?.factsOf(one.measured.part, parameter);
      },
    ).then((outcomes) => {
      batch.forEach(({ entry }, i) => {
        const outcome = outcomes[i];
        if (outcome !== undefined) entries.settle(entry, outcome);
      });
    });
    // Awaited at the next flush: until then a failure must not count as unhandled.
    running.catch(() => {});
  }

  const matches = () => joinMatches(measurers.map((each) => each.match()));

  return {
    begin(pass) {
      passes.push(pass);
      measurer = createPartMeasurer(version.manifest.input.parameters, basename(pass.file), naming);
      measurers.push(measurer);
    },
    async add(part) {
      const pass = passes.at(-1);
      if (pass === undefined || measurer === undefined) throw new Error('a part before its file began');
      // What a lot says of its pass stands before its parts.
      if (register.passes() < passes.length) register.begin(lotPassOf(pass.lot));
      register.add(part);
      options.onPart?.(part, pass.lot);
      rows ??= roomOf();
      const at = waiting.length * width;
      const measured = measurer.measure(part, pass.lot, rows.subarray(at, at + width));
      const reason = whyUnscorable(measured, version.contract.acceptsMissing);
      const kept = { label: measured.label, softBin: part.softBin, measured: measured.measured };
      const entry = entries.add({ ...kept, file: pass.file }, reason ?? 'inference_failed');
      const measuring = measurer;
      if (reason === undefined) {
        waiting.push({
          entry,
          measured,
          factsOf: (of, parameter) => measuring.factsOf(of, pass.lot, parameter),
        });
      }
      if (waiting.length >= engine.maxDies) await flush();
    },
    async settle() {
      await flush();
      await running;
      [rows, spare] = [undefined, undefined];
    },
    refused() {
      const { refused } = matches();
      const names = new Set(passes.map(({ file }) => file));
      if (refused.length === 0 || entries.length === 0) return [];
      return [{ files: [...names], lot: passes[0]?.lot.mir?.lotId ?? null, refused }];
    },
    finish() {
      const dies = register.finish();
      const [first] = passes;
      if (first === undefined) throw new Error('a lot without a file');
      const never = measurers.map((each) => new Set(each.neverMeasured()));
      return {
        file: [...new Set(passes.map(({ file }) => file))].join(', '),
        passes: passes.map(({ report, ...pass }) => ({ ...pass, report: report() })),
        parts: entries.parts(dies, register.touchdowns),
        lot: first.lot,
        naming: dies.naming,
        hasPlaces: dies.hasPlaces,
        converted: matches().converted,
        withoutValues: [...(never[0] ?? [])].filter((parameter) =>
          never.every((each) => each.has(parameter)),
        ),
      };
    },
  };
}

/** @param rows float32 [batch, parameters]: the values of its parts */
async function scoreBatch(
  batch: readonly MeasuredPart[],
  rows: Float32Array,
  { engine, version, explain: k, onScored }: ScoreLotsOptions,
  factsOf: (i: number, parameter: number) => ValueFacts | undefined,
): Promise<PartOutcome[]> {
  const width = version.contract.parameterCount;
  const scores = await engine.score(rows, k > 0);
  scores.forEach((score, i) => {
    const measured = batch[i];
    if (score.kind === 'scored' && measured !== undefined) onScored?.(measured, score.row);
  });
  return scores.map((score, i) =>
    outcomeOf(score, rows.subarray(i * width, (i + 1) * width), version, k, (parameter) =>
      factsOf(i, parameter),
    ),
  );
}

function outcomeOf(
  die: DieScore,
  values: Float32Array,
  version: ModelVersion,
  k: number,
  factsOf: (parameter: number) => ValueFacts | undefined,
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
    explanations: contributions.map((contribution) =>
      explanationOf(contribution, listed, factsOf(contribution.index)),
    ),
  };
}

type FactsOf = (part: Part, parameter: number) => ValueFacts | undefined;
