import type { LotDrift } from '../../drift/lot-drift.js';
import { explanationText } from '../../lots/explanation.js';
import { type MappedPart, waferMapsOf } from '../../lots/wafer-maps.js';
import type { ModelVersion } from '../../models/model-version.js';
import { htmlReport } from '../../wafermap/html-report.js';
import { countText, shareText } from '../../wafermap/text.js';
import type { WaferMap } from '../../wafermap/wafer-map.js';
import { agreementOf, lastTouchdowns, reasonsNotScored } from './agreement.js';
import { driftTables, reviewTable } from './findings-tables.js';
import { floorRateNotes } from './floor-rate.js';
import type { LotSayings } from './lot-watch.js';
import { reportTables } from './report-tables.js';
import type { ReviewedDie } from './review.js';
import type { ScoredLot } from './score-lot.js';
import type { ScoredPart } from './scored-part.js';
import { lotNotes } from './summary.js';

/** The wafers of the lots, in their order. */
export function mapsOf(lots: readonly ScoredLot[], { manifest }: ModelVersion): WaferMap[] {
  return lots.flatMap(({ parts, lot }) => waferMapsOf(Array.from(parts, mapped), lot, manifest.threshold));
}

function mapped({ part, label, outcome }: ScoredPart): MappedPart {
  const scored = outcome.kind === 'scored' ? outcome : undefined;
  return {
    part,
    dieId: label.die_id,
    prediction: scored?.prediction,
    score: scored?.score,
    reasons: scored?.explanations.map(explanationText) ?? [],
  };
}

/** What was found over all tables of a call. */
export interface TableFindings {
  /** Undefined where it was not measured, or the model has no reference. */
  readonly drift: LotDrift | undefined;
  /** Empty where none was asked for. */
  readonly review: readonly ReviewedDie[];
}

/** What was found over all lots of a call. */
interface Findings extends TableFindings {
  readonly sayings: LotSayings;
}

/** The HTML page of a call. */
export function scoreReport(
  lots: readonly ScoredLot[],
  version: ModelVersion,
  { drift, review, sayings }: Findings,
): string {
  const { tables, details } = reportTables(lots, sayings);
  const all = agreementOf(lots.flatMap(({ parts }) => [...parts]));
  const dies = agreementOf(lots.flatMap(({ parts }) => [...lastTouchdowns(parts)]));
  const said = (values: readonly (string | undefined)[]) =>
    [...new Set(values.map((value) => value?.trim() || 'unknown'))].join(', ');
  return htmlReport({
    title: `Lot ${said(lots.map(({ lot }) => lot.mir?.lotId))} scored by ${version.key}`,
    wafers: mapsOf(lots, version),
    tables: [...tables, ...(drift === undefined ? [] : driftTables(drift))],
    details: [...details, reviewTable(review)],
    summary: {
      facts: [
        ['product', said(lots.map(({ lot }) => lot.mir?.partTyp))],
        ['tester', said(lots.map(({ lot }) => lot.mir?.nodeNam))],
        ['model', version.key],
        ['threshold', String(version.manifest.threshold)],
        ['touchdowns', countText(all.parts)],
        ['dies', countText(dies.parts)],
        ['dies scored', countText(dies.scored)],
        ['failed by the model', `${countText(dies.predictedFail)} (${shareText(dies.failRate)})`],
      ],
      notes: [
        'Of several touchdowns of a die the last one is shown.',
        ...floorRateNotes(version),
        ...reasonsNotScored(dies).map(([why, count]) => `${countText(count)} dies were not scored: ${why}.`),
        ...lots.flatMap((lot) => lotNotes(lot, sayings).map((note) => `${lot.file}: ${note}.`)),
      ],
    },
  });
}
