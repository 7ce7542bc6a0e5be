import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { isCodingAsked, mediaWeight } from '../accept.js';

/** The metrics as text, in either of the two formats that Prometheus reads. */
export interface MetricsText {
  /** @returns the text in UTF-8, until it is released, and its content type */
  render(
    format: 'prometheus' | 'openmetrics',
  ): Promise<{ body: Buffer; contentType: string; release(): void }>;
}

const OPENMETRICS = 'application/openmetrics-text';
const TextSchema = z.string();
const gzipped = promisify(gzip);

/**
 * The metrics packed by gzip, on a thread of its own; at the level that takes the least time. What 0.7 MB is packed to, 40 KB,
 * fits into one chunk: with zlib's own of 16 KB it goes to the thread and back three times.
 */
export function packMetrics(text: Buffer): Promise<Buffer> {
  return gzipped(text, { level: 1, chunkSize: 128 * 1024 });
}

/** GET /metrics, open to everybody unless a permission is named. */
export function metricsRoutes(
  app: FastifyInstance,
  metrics: MetricsText,
  permission: 'read' | undefined,
): void {
  app.get(
    '/metrics',
    {
      config: permission === undefined ? {} : { permission },
      schema: {
        tags: ['operations'],
        summary: 'Prometheus metrics; OpenMetrics when the accept header asks for it',
        response: {
          200: {
            description: 'The metrics',
            content: { 'text/plain': { schema: TextSchema }, [OPENMETRICS]: { schema: TextSchema } },
          },
        },
      },
    },
    async (request, reply) => {
      const { accept, 'accept-encoding': acceptEncoding } = request.headers;
      const { body, contentType, release } = await metrics.render(formatFor(accept));
      reply.header('content-type', contentType);
      if (!isCodingAsked(acceptEncoding, 'gzip')) {
        reply.raw.once('close', release);
        return reply.send(body);
      }
      const packed = await packMetrics(body);
      release();
      return reply.header('content-encoding', 'gzip').send(packed);
    },
  );
}

/**
 * The format that is worth more to the caller; OpenMetrics only where it is named, as who takes anything reads the
 * older one at least.
 */
export function formatFor(accept: string | undefined): 'prometheus' | 'openmetrics' {
  if (accept === undefined || !accept.toLowerCase().includes(OPENMETRICS)) return 'prometheus';
  const wanted = mediaWeight(accept, OPENMETRICS, '1.0.0');
  return wanted > 0 && wanted >= mediaWeight(accept, 'text/plain', '0.0.4') ? 'openmetrics' : 'prometheus';
}
