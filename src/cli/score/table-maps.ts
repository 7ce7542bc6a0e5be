import { explanationText } from '../../lots/explanation.js';
import type { ModelVersion } from '../../models/model-version.js';
import type { MapDie, WaferMap } from '../../wafermap/wafer-map.js';
import type { ScoredTable, ScoredTableRow } from './score-table.js';

/**
 * The wafers of tables, by lot and wafer. Of several rows of a die the last one counts. A table does not say how
 * its coordinates grow: x to the right and y upwards.
 */
export function mapsOfTables(tables: readonly ScoredTable[], { manifest }: ModelVersion): WaferMap[] {
  const wafers = new Map<string, { readonly first: ScoredTableRow; readonly dies: Map<string, MapDie> }>();
  for (const row of tables.flatMap(({ rows }) => rows)) {
    const die = dieOf(row);
    if (die === undefined) continue;
    const key = JSON.stringify([row.label.lot_id, row.label.wafer_id]);
    const wafer = wafers.get(key) ?? { first: row, dies: new Map<string, MapDie>() };
    wafers.set(key, wafer);
    wafer.dies.set(`${die.x},${die.y}`, die);
  }
  return [...wafers.values()].map(({ first: { label }, dies }) => ({
    lotId: label.lot_id ?? undefined,
    waferId: label.wafer_id ?? undefined,
    dies: [...dies.values()],
    ...{ flat: undefined, xGrowsLeft: false, yGrowsUp: true },
    threshold: manifest.threshold,
  }));
}

function dieOf({ label, part, outcome, hardBin, softBin }: ScoredTableRow): MapDie | undefined {
  const { x, y, die_id: dieId } = label;
  if (typeof x !== 'number' || typeof y !== 'number') return undefined;
  const scored = outcome.kind === 'scored' ? outcome : undefined;
  return {
    ...{ x, y, dieId, hardBin, softBin },
    prediction: scored?.prediction,
    score: scored?.score,
    testerVerdict: part.verdict === 'none' ? undefined : part.verdict,
    reasons: scored?.explanations.map(explanationText) ?? [],
  };
}
