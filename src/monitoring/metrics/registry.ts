import { collectDefaultMetrics, Registry } from 'prom-client';

const OPENMETRICS_TYPE = 'application/openmetrics-text; version=1.0.0; charset=utf-8';

/** Our own registry with the process's metrics in it; nothing uses prom-client's global one. */
export function createRegistry(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return registry;
}

/** Renders a registry as Prometheus text 0.0.4 or as OpenMetrics 1.0. */
export async function renderMetrics(
  registry: Registry,
  format: 'prometheus' | 'openmetrics',
): Promise<{ text: string; contentType: string }> {
  const text = await registry.metrics();
  return format === 'prometheus'
    ? { text, contentType: registry.contentType }
    : { text: openMetricsOf(text), contentType: OPENMETRICS_TYPE };
}

/**
 * Prometheus text as OpenMetrics: a counter's family name loses `_total`, which its samples keep;
 * there are no blank lines; the end is marked. (prom-client can render OpenMetrics itself, but from
 * then on its Prometheus text names the counters wrongly: it renames them in place.)
 */
export function openMetricsOf(text: string): string {
  const lines = text.split('\n').filter((line) => line !== '');
  const counters = new Set(
    lines
      .flatMap((line) => /^# TYPE (\S+)_total counter$/.exec(line)?.[1] ?? [])
      .map((name) => `${name}_total`),
  );
  const renamed = lines.map((line) => {
    const match = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line);
    const name = match?.[2];
    if (match === null || name === undefined || !counters.has(name)) return line;
    return `# ${match[1]} ${name.slice(0, -'_total'.length)} ${match[3]}`;
  });
  return `${renamed.join('\n')}\n# EOF\n`;
}
