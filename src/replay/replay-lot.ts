import { basename } from 'node:path';
import type { VersionDetail } from '../doors/http/schemas/models.js';
import { Fault } from '../errors.js';
import { createPartMeasurer, type PartMeasurer } from '../lots/measure-part.js';
import type { TestMatch } from '../lots/tests/match-tests.js';
import { testsRefused } from '../lots/tests/refusal.js';
import type { TestNaming } from '../lots/tests/test-identity.js';
import { assembleParts, type Lot, type PartStream, type ReadReport } from '../stdf/stdf.js';
import type { WaferMap } from '../wafermap/wafer-map.js';
import type { ReplayClock } from './clock.js';
import type { ReplayTarget } from './contract.js';
import type { HttpClient } from './http-client.js';
import { type Balance, createLedger, type Ledger } from './ledger.js';
import { type ReplayObserver, replay } from './replay.js';
import { DEFAULT_BACK_OFF } from './retry-policy.js';
import { createTallier, type Tallier, type Tally } from './tally.js';
import { type PostableDie, touchdownsOf } from './touchdowns.js';
import { createMapCollector, type MapCollector } from './wafer-maps.js';

interface ReplayLotOptions {
  /** Name of the lot file, and what is in it. */
  readonly file: string;
  readonly bytes: AsyncIterable<Uint8Array>;
  /** How the lot's tests are called by the model, where otherwise than in the lot. */
  readonly naming?: TestNaming | undefined;
  readonly client: HttpClient;
  readonly target: ReplayTarget;
  /** Dies a second; undefined for as fast as answers come. */
  readonly ratePerSecond: number | undefined;
  /** Dies of one call of /predict/batch; undefined to post each alone. */
  readonly touchdown: number | undefined;
  /** Most calls that are not settled at a time. */
  readonly inFlight: number;
  /** How long after its first attempt a die may still be posted again, in milliseconds. */
  readonly patienceMs: number;
  /** How many reasons to ask for with each prediction, if the model can give them; 0 for none. */
  readonly explain: number;
  readonly clock: ReplayClock;
  readonly epochMs: () => number;
  readonly random: () => number;
  /** Ends the replay; the answers under way are still awaited. */
  readonly stop: AbortSignal;
  /** Gives up the answers under way, too. */
  readonly abort: AbortSignal;
  /** Told at most every {@link PROGRESS_EVERY_MS}. */
  readonly onProgress: (state: ReplayState) => void;
}

const PROGRESS_EVERY_MS = 100;

/** How far a replay is. */
export interface ReplayState {
  readonly partsRead: number;
  readonly answered: number;
  readonly failed: number;
  readonly unanswered: number;
  readonly retries: number;
  readonly elapsedMs: number;
}

/** What a replay did. */
export interface LotReplay {
  readonly file: string;
  readonly target: VersionDetail;
  /** The lots of the file, at least one. */
  readonly lots: readonly Lot[];
  readonly report: ReadReport;
  /** Tests whose values were converted to the model's unit. */
  readonly converted: TestMatch['converted'];
  readonly balance: Balance;
  readonly tally: Tally;
  /** The model's parameters whose tests have no usable value in any part read. */
  readonly neverMeasured: ReturnType<PartMeasurer['neverMeasured']>;
  readonly maps: readonly WaferMap[];
  /** From the first post to the last end of a die. */
  readonly elapsedMs: number;
  /** `complete`: every part is accounted for, and every die that was posted is answered. */
  readonly ending: 'complete' | 'incomplete' | 'interrupted';
}

/**
 * Plays a lot to a server as the tester cell did.
 *
 * @throws Fault `invalid_model` when the model does not say which tests it reads; `invalid_data` when
 *   `bytes` are no STDF V4, or none of the parts can be posted
 */
export async function replayLot(options: ReplayLotOptions): Promise<LotReplay> {
  const { file, client, clock, touchdown } = options;
  const { prefix, detail } = options.target;
  const { contract, threshold } = detail;
  const measurer = createPartMeasurer(
    contract.parameters.length === 0 ? contract.parameter_count : contract.parameters,
    basename(file),
    options.naming,
  );
  const parts = assembleParts(options.bytes);
  const [ledger, tallier] = [createLedger(), createTallier()];
  const collector = createMapCollector(contract.parameters, (part, parameter) => {
    const lot = parts.lots()[part.lot];
    return lot && measurer.factsOf(part, lot, parameter);
  });
  const watched = watch(options, tallier, collector);
  const refuse = refusalOf(options, measurer);
  const measuring = {
    measurer,
    judge: refuse,
    acceptsMissing: contract.missing === 'impute',
  };
  let withResults = 0;
  const touchdowns = touchdownsOf(parts, measuring, touchdown ?? 1, {
    onPart: (part) => {
      collector.read(part);
      if (part.results.length > 0) withResults++;
      watched.onPart();
    },
    onSkipped: (part, why) => ledger.skip(part.index, why),
  });
  const { contributions, residuals, reconstruction } = contract.outputs;
  const explains = options.explain > 0 && (contributions ?? residuals ?? reconstruction) !== undefined;
  const query = explains ? `?explain=${options.explain}` : '';
  const startedMs = clock.nowMs();
  await replay({
    ...options,
    touchdowns,
    form: touchdown === undefined ? 'die' : 'batch',
    post: (path, json) => client.post(prefix + path + query, json, options.abort),
    retries: { ...DEFAULT_BACK_OFF, patienceMs: options.patienceMs },
    ledger,
    observer: watched.observer,
  });
  const elapsedMs = clock.nowMs() - startedMs;
  const done = {
    file,
    target: detail,
    elapsedMs,
    withResults,
    neverMeasured: measurer.neverMeasured(),
    converted: measurer.match().converted,
  };
  return conclude(done, options.stop.aborted, parts, ledger, tallier, (lots) =>
    collector.maps(lots, threshold),
  );
}

interface Known extends Pick<LotReplay, 'file' | 'target' | 'elapsedMs' | 'neverMeasured' | 'converted'> {
  /** Parts that have any parametric result, whatever the model reads. */
  readonly withResults: number;
}

function conclude(
  { withResults, ...done }: Known,
  interrupted: boolean,
  parts: PartStream,
  ledger: Ledger,
  tallier: Tallier,
  mapsOf: (lots: readonly Lot[]) => readonly WaferMap[],
): LotReplay {
  const [lots, report, balance, tally] = [parts.lots(), parts.report(), ledger.balance(), tallier.tally()];
  if (balance.posted === 0 && !interrupted) throw nothingPosted({ withResults, ...done }, balance);
  const reconciled =
    balance.reconciled &&
    balance.outcomes.answered === answersOf(tally) &&
    (interrupted || balance.parts === lots.reduce((sum, lot) => sum + lot.parts.total, 0));
  const complete = reconciled && balance.posted === balance.outcomes.answered;
  return {
    ...done,
    lots,
    report,
    balance: { ...balance, reconciled },
    tally,
    maps: mapsOf(lots),
    ending: interrupted ? 'interrupted' : complete ? 'complete' : 'incomplete',
  };
}

/**
 * Refuses a lot whose tests are others than the model's. Tests that are not there yet may still come.
 * @throws TestsRefused
 */
function refusalOf({ file, target }: ReplayLotOptions, measurer: PartMeasurer): (lot: Lot) => void {
  const { name, version, contract } = target.detail;
  const model = { key: `${name}/${version}`, contract: { parameterCount: contract.parameter_count } };
  return (lot) => {
    const refused = measurer.match().refused.filter(({ reason }) => reason !== 'absent');
    if (refused.length === 0) return;
    throw testsRefused([{ files: [file], lot: lot.mir?.lotId ?? null, refused }], model);
  };
}

/** Counted by another hand than the ledger's. */
function answersOf({ table }: Tally): number {
  return [table.pass, table.fail].reduce((sum, { pass, fail, none }) => sum + pass + fail + none, 0);
}

const MAX_NAMED_TESTS = 20;

function nothingPosted({ target, neverMeasured, withResults }: Known, { parts }: Balance): Fault {
  const model = `${target.name} version ${target.version}`;
  if (withResults === 0) {
    return new Fault('invalid_data', [`none of its ${parts} parts has parametric results`]);
  }
  const named = neverMeasured
    .slice(0, MAX_NAMED_TESTS)
    .map(({ testNumber, name }) => `test ${testNumber} (${name}) of ${model} is not in the lot`);
  const more = neverMeasured.length - named.length;
  return new Fault('invalid_data', [
    `none of its ${parts} parts has the values that ${model} reads (${withResults} with results)`,
    ...named,
    ...(more > 0 ? [`and ${more} tests more`] : []),
  ]);
}

/** Counts what the replay tells, draws it into the maps, and says how far it is. */
function watch(
  { clock, onProgress }: ReplayLotOptions,
  tallier: Tallier,
  collector: MapCollector,
): { readonly onPart: () => void; readonly observer: ReplayObserver } {
  const startedMs = clock.nowMs();
  const state = { partsRead: 0, answered: 0, failed: 0, unanswered: 0, retries: 0 };
  let nextAtMs = startedMs;
  function show(): void {
    const nowMs = clock.nowMs();
    if (nowMs < nextAtMs) return;
    nextAtMs = nowMs + PROGRESS_EVERY_MS;
    onProgress({ ...state, elapsedMs: nowMs - startedMs });
  }
  return {
    onPart() {
      state.partsRead++;
      show();
    },
    observer: {
      onAnswered(die: PostableDie, prediction, latencyMs) {
        tallier.onAnswered(die, prediction, latencyMs);
        collector.answered(die.part, die.label.die_id, prediction);
        state.answered++;
        if (prediction.prediction === 'fail') state.failed++;
        show();
      },
      onUnanswered(die, ...why) {
        tallier.onUnanswered(die, ...why);
        state.unanswered++;
        show();
      },
      onRetry(...why) {
        tallier.onRetry(...why);
        state.retries++;
        show();
      },
    },
  };
}
