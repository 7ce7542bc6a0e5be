import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { Refusal } from '../../../errors.js';
import { storyHtml, storyOf } from '../../../records/die-story.js';
import { findNamed } from '../../../records/look-ups.js';
import { type AskedDie, type GateRecord, GateRecordSchema } from '../../../records/record.js';
import { problemAnswer } from '../schemas/problem.js';
import type { ZodTypeProvider } from '../zod-provider.js';

/** Where records are looked up. */
export interface PredictionLookUps {
  readonly isFull: boolean;
  find(asked: AskedDie): Promise<readonly GateRecord[]>;
}

const QuerySchema = z.object({
  die: z
    .string({ error: 'expected the id of a die, or where it is: lot/wafer/x/y' })
    .min(1)
    .max(600)
    .describe(
      'Id of the die, or its key: lot/wafer/x/y, and insertion and touchdown behind them; the lot may be empty',
    ),
});

const RecordsOfDieSchema = z
  .object({
    die: z.string(),
    verdict: z.string().describe('What the records say, as a sentence'),
    records: z.array(GateRecordSchema).describe('In the order of the log'),
  })
  .describe('Who judged a die, when, by what, and what it turned out to be');

/** GET /predictions: what is recorded of a die, as JSON, or as a page for who asks for one. */
export function predictionRoutes(app: FastifyInstance, lookUps: PredictionLookUps): void {
  app.withTypeProvider<ZodTypeProvider>().get(
    '/predictions',
    {
      config: { permission: 'read' as const },
      schema: {
        operationId: 'recordsOfDie',
        tags: ['predict'],
        summary: 'Every record of a die: who judged it, when, by what, and what it turned out to be',
        querystring: QuerySchema,
        response: {
          200: z.union([RecordsOfDieSchema, z.string().describe('The same as a page, for a browser')]),
          422: problemAnswer('The query names no die'),
          503: problemAnswer('Too many look-ups wait, or the records cannot be read'),
        },
      },
    },
    async ({ query, headers }, reply) => {
      if (lookUps.isFull)
        throw new Refusal('records_unavailable', 'too many look-ups wait', { retryAfterSeconds: 1 });
      const records = await find(lookUps, query.die);
      const story = storyOf(query.die, records);
      // A browser says text/html first; who wants JSON says so, or nothing.
      if (/^text\/html\b/.test(headers.accept ?? ''))
        return reply.type('text/html; charset=utf-8').serializer(String).send(storyHtml(story));
      return { die: story.die, verdict: story.verdict, records: [...records] };
    },
  );
}

async function find(lookUps: PredictionLookUps, die: string): Promise<readonly GateRecord[]> {
  try {
    return await findNamed(die, (asked) => lookUps.find(asked));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Refusal('records_unavailable', `the records cannot be read: ${reason}`, {
      retryAfterSeconds: 10,
      cause: error,
    });
  }
}
