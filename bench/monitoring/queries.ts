import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';

/** An expression for Prometheus, and where it stands. */
export interface Query {
  /** Title of the panel, or name of the rule. */
  readonly where: string;
  readonly expr: string;
}

const TargetSchema = z.object({ refId: z.string(), expr: z.string().min(1) });

export const PanelSchema = z.object({
  id: z.int(),
  type: z.string(),
  title: z.string().min(1),
  gridPos: z.object({ x: z.int(), y: z.int(), w: z.int().min(1), h: z.int().min(1) }),
  targets: z.array(TargetSchema).optional(),
});

/** What diegate's dashboard must have to be provisioned, and what is read of it. */
export const DashboardSchema = z.object({
  uid: z.string().min(1),
  title: z.string().min(1),
  id: z.null(),
  schemaVersion: z.int().min(39),
  refresh: z.string(),
  time: z.object({ from: z.string(), to: z.string() }),
  templating: z.object({
    list: z.array(z.object({ name: z.string(), type: z.string(), definition: z.string().optional() })),
  }),
  annotations: z.object({ list: z.array(z.object({ name: z.string(), expr: z.string().optional() })) }),
  panels: z.array(PanelSchema),
});

const RuleSchema = z.union([
  z.strictObject({ record: z.string(), expr: z.string() }),
  z.strictObject({
    alert: z.string(),
    expr: z.string(),
    for: z.string().optional(),
    labels: z.strictObject({ severity: z.enum(['critical', 'warning', 'info']), signal: z.string() }),
    annotations: z.strictObject({ summary: z.string(), description: z.string(), runbook_url: z.string() }),
  }),
]);

export type Rule = z.infer<typeof RuleSchema>;

const RulesSchema = z.object({
  groups: z.array(z.object({ name: z.string(), rules: z.array(RuleSchema) })),
});

export function readDashboard(file: string): z.infer<typeof DashboardSchema> {
  return DashboardSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
}

export function readRules(file: string): Rule[] {
  return RulesSchema.parse(parse(readFileSync(file, 'utf8'))).groups.flatMap(({ rules }) => rules);
}

/** The queries of all panels, variables as they are. */
export function panelQueries(dashboard: z.infer<typeof DashboardSchema>): Query[] {
  return dashboard.panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ refId, expr }) => ({ where: targets.length > 1 ? `${title} ${refId}` : title, expr })),
  );
}

/** A panel's query with its variables replaced: everything, over a window of `rateInterval`. */
export function substituted(expr: string, rateInterval: string): string {
  return expr.replaceAll('$__rate_interval', rateInterval).replaceAll(/\$(instance|model|version)\b/g, '.*');
}

const WORDS = new Set(['by', 'on', 'or', 'and', 'unless', 'without', 'offset', 'group_left', 'group_right']);

/** The names of the metrics and recorded series that an expression reads. */
export function metricNames(expr: string): string[] {
  const bare = expr
    .replaceAll(/"[^"]*"/g, '""')
    .replaceAll(/\{[^}]*\}/g, '')
    .replaceAll(/\[[^\]]*\]/g, '')
    .replaceAll(/\b(by|on|ignoring|without|group_left|group_right)\s*\([^)]*\)/g, '')
    .replaceAll(/\boffset\s+\S+/g, '');
  const names = [...bare.matchAll(/[a-zA-Z_:][\w:]*(?!\w*\s*\()/g)].map(([name]) => name);
  return [...new Set(names)].filter((name) => !WORDS.has(name));
}

/** A metric's family, as its TYPE line has it, of the name of one of its series. */
export function familyOf(name: string, families: ReadonlySet<string>): string {
  const base = name.replace(/_(bucket|sum|count)$/, '');
  return families.has(name) || !families.has(base) ? name : base;
}

/** The names in the table of docs/observability.md. */
export function documentedMetrics(docs: string): { name: string; type: string; labels: string[] }[] {
  const table = /<!-- metrics -->\n([\s\S]*?)<!-- \/metrics -->/.exec(docs)?.[1] ?? '';
  return [...table.matchAll(/^\| `(\w+)` \| (\w+) \| ([^|]*) \|/gm)].map(
    ([, name = '', type = '', labels = '']) => ({
      name,
      type,
      labels: [...labels.matchAll(/`(\w+)`/g)].map(([, label = '']) => label).sort(),
    }),
  );
}
