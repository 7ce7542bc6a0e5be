import { setImmediate as nextTurn } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import { type InputFault, MAX_LISTED_FAULTS, Refusal } from '../../../errors.js';
import type { Catalogue } from '../../../models/catalogue.js';
import type { OutcomeCount } from '../../../routing/outcome-accounts.js';
import { extentOf } from '../../../rows/decode/json-extent.js';
import { joined } from '../../../rows/decode/pieces.js';
import { listFaults, MAX_DEPTH, parseJson } from '../../../rows/decode/plain.js';
import { batchTooLarge, invalidInput } from '../../../rows/decode/refusals.js';
import { bodyOf } from '../die-bodies.js';
import {
  ElementsSchema,
  MAX_OUTCOMES,
  OutcomeSchema,
  OutcomesCountedSchema,
  OutcomesSchema,
  type ReportedOutcome,
} from '../schemas/outcomes.js';
import { problemAnswer } from '../schemas/problem.js';
import { ModelParamsSchema } from '../schemas/requests.js';
import type { ZodTypeProvider } from '../zod-provider.js';

/** Who is told of outcomes, once for each kind in a call. */
export type OutcomeObserver = (count: OutcomeCount) => void;

interface OutcomeRouteOptions {
  readonly catalogue: Catalogue;
  readonly onOutcomes: OutcomeObserver;
}

// 400 bytes for each outcome. Reading a body stalls the event loop, so it is not the limit of a batch.
const MAX_OUTCOMES_BYTES = 400 * MAX_OUTCOMES;
// Checked at a time, about a millisecond's worth.
const SLICE_OUTCOMES = 500;
// Wrong outcomes cost ten times what right ones do: a call of nothing else is read no further than this.
const MAX_COUNTED_FAULTS = 1_000;

/** POST /models/{model}/outcomes: the truth about dies, once a later test knows it. */
export function outcomeRoutes(app: FastifyInstance, { catalogue, onOutcomes }: OutcomeRouteOptions): void {
  app.withTypeProvider<ZodTypeProvider>().post(
    '/models/:model/outcomes',
    {
      config: { permission: 'predict' },
      schema: {
        operationId: 'reportOutcomes',
        tags: ['models'],
        summary: 'What predicted dies turned out to be: the accuracy in the metrics comes from here',
        params: ModelParamsSchema,
        body: { content: { 'application/json': { schema: OutcomesSchema } } },
        response: {
          200: OutcomesCountedSchema,
          '4xx': problemAnswer('The request is at fault: 400, 401, 403, 404, 413, 415 or 422'),
        },
      },
    },
    async (request) => {
      const { name, versions } = catalogue.model(request.params.model);
      const { media, pieces } = bodyOf(request);
      if (media !== 'json') {
        throw new Refusal('unsupported_media_type', 'expected content-type application/json');
      }
      const known = new Set(versions.filter(({ state }) => state === 'ready').map(({ number }) => number));
      const tally = tallyOf(name, known, await readOutcomes(joined(pieces)));
      for (const count of tally.counts) onOutcomes(count);
      return tally.answer;
    },
  );
}

/** @throws Refusal `body_too_large`, `batch_too_large`, `invalid_json` or `invalid_input` */
async function readOutcomes(bytes: Buffer): Promise<ReportedOutcome[]> {
  if (bytes.length > MAX_OUTCOMES_BYTES) {
    throw new Refusal(
      'body_too_large',
      `the body has ${bytes.length} bytes, expected at most ${MAX_OUTCOMES_BYTES} for outcomes`,
    );
  }
  const { elements: count } = extentOf(bytes, MAX_DEPTH);
  if (count > MAX_OUTCOMES) throw batchTooLarge(count, MAX_OUTCOMES);
  const elements = ElementsSchema.safeParse(parseJson(bytes));
  if (!elements.success) throw invalidInput(listFaults(elements.error.issues, []));
  return validOutcomes(elements.data);
}

/** All outcomes, or the refusal of the whole call; between slices of them predictions have their turn. */
async function validOutcomes(elements: readonly unknown[]): Promise<ReportedOutcome[]> {
  const outcomes: ReportedOutcome[] = [];
  const faults: InputFault[] = [];
  let totalFaults = 0;
  for (const [index, element] of elements.entries()) {
    if (index % SLICE_OUTCOMES === SLICE_OUTCOMES - 1) await nextTurn();
    const parsed = OutcomeSchema.safeParse(element);
    if (parsed.success) {
      outcomes.push(parsed.data);
      continue;
    }
    totalFaults += parsed.error.issues.length;
    if (faults.length < MAX_LISTED_FAULTS) faults.push(...listFaults(parsed.error.issues, [index]));
    if (totalFaults >= MAX_COUNTED_FAULTS) break;
  }
  if (totalFaults > 0) throw invalidInput(faults, totalFaults);
  return outcomes;
}

/** Counts each die and version once, and only versions that are loaded: nothing a caller says becomes a label. */
function tallyOf(model: string, known: ReadonlySet<string>, outcomes: readonly ReportedOutcome[]) {
  const counts = new Map<string, OutcomeCount>();
  const seen = new Set<string>();
  const answer = {
    model_name: model,
    received: outcomes.length,
    counted: 0,
    correct: 0,
    repeated: 0,
    unknown_version: 0,
  };
  for (const { die_id, model_version: version, prediction, actual } of outcomes) {
    if (!known.has(version)) {
      answer.unknown_version++;
      continue;
    }
    const die = `${version}/${die_id}`;
    if (seen.has(die)) {
      answer.repeated++;
      continue;
    }
    seen.add(die);
    answer.counted++;
    if (prediction === actual) answer.correct++;
    const kind = `${version}/${prediction}/${actual}`;
    const dies = (counts.get(kind)?.dies ?? 0) + 1;
    counts.set(kind, { model, version, prediction, actual, dies });
  }
  return { answer, counts: counts.values() };
}
