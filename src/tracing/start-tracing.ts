import type { Config } from '../config.js';
import { DIEGATE_VERSION } from '../version.js';
import type { ExportObserver } from './otlp/bounded-export.js';
import type { Tracing, TracingOptions } from './otlp/tracing.js';

/** Tracing, where the settings ask for it: nothing of OpenTelemetry's is loaded where they do not. */
export async function startTracing(
  config: Config,
  parts: Pick<TracingOptions, 'clock' | 'logger'> & { readonly createObserver: () => ExportObserver },
): Promise<Tracing | undefined> {
  const endpoint = config.OTEL_EXPORTER_OTLP_ENDPOINT;
  if (endpoint === undefined) return undefined;
  const { createTracing } = await import('./otlp/tracing.js');
  return createTracing({
    endpoint,
    headers: config.OTEL_EXPORTER_OTLP_HEADERS ?? {},
    serviceName: config.OTEL_SERVICE_NAME,
    serviceVersion: DIEGATE_VERSION,
    share: config.OTEL_TRACES_SAMPLER_ARG,
    clock: parts.clock,
    random: Math.random,
    logger: parts.logger,
    observers: [parts.createObserver()],
  });
}
