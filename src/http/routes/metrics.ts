import type { FastifyInstance } from 'fastify';

/** The metrics as text, in either of the two formats that Prometheus reads. */
export interface MetricsText {
  /** @returns the text and its content type */
  render(format: 'prometheus' | 'openmetrics'): Promise<{ text: string; contentType: string }>;
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
        produces: ['text/plain', 'application/openmetrics-text'],
      },
    },
    async (request, reply) => {
      const wanted = request.headers.accept?.includes('application/openmetrics-text')
        ? 'openmetrics'
        : 'prometheus';
      const { text, contentType } = await metrics.render(wanted);
      return reply.header('content-type', contentType).send(text);
    },
  );
}
