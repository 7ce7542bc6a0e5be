import { z } from 'zod';
import type { Refusal } from '../../../errors.js';

export const PROBLEM_MEDIA_TYPE = 'application/problem+json; charset=utf-8';

/** A refusal as RFC 9457 problem details. */
export const ProblemSchema = z
  .object({
    type: z.string().describe('urn:diegate:problem:<code>; the code is stable'),
    title: z.string(),
    status: z.int(),
    detail: z.string().describe('What was found and what was expected'),
    request_id: z.string(),
    trace_id: z.string().optional().describe("Of the caller's traceparent, or of a trace begun here"),
    errors: z
      .array(z.object({ path: z.string(), message: z.string() }))
      .optional()
      .describe('For invalid input: at most 20 faults'),
    error_count: z.int().optional().describe('For invalid input: number of all faults found'),
  })
  .meta({
    examples: [
      {
        type: 'urn:diegate:problem:invalid_input',
        title: 'The input breaks the contract',
        status: 422,
        detail: 'test_params: expected exactly 512 test parameters, found 511',
        request_id: '5f0c9a1b2c3d-1',
        errors: [{ path: 'test_params', message: 'expected exactly 512 test parameters, found 511' }],
        error_count: 1,
      },
    ],
  });

/** A refusal in the documentation of a route. */
export function problemAnswer(description: string) {
  return { description, content: { 'application/problem+json': { schema: ProblemSchema } } };
}

export type Problem = z.infer<typeof ProblemSchema>;

/** The problem response of a refusal. */
export function problemOf(refusal: Refusal, requestId: string, traceId?: string): Problem {
  return {
    type: `urn:diegate:problem:${refusal.code}`,
    title: refusal.title,
    status: refusal.status,
    detail: refusal.message,
    request_id: requestId,
    ...(traceId !== undefined && { trace_id: traceId }),
    ...(refusal.faults === undefined
      ? {}
      : { errors: [...refusal.faults], error_count: refusal.totalFaults ?? refusal.faults.length }),
  };
}
