import type { GroupDrift, LotDrift } from '../../drift/lot-drift.js';
import type { ReportColumn, ReportTable } from '../../wafermap/report-table.js';
import { countText, numberText, shareText } from '../../wafermap/text.js';
import { placeCells, reasonsText } from './report-tables.js';
import type { ReviewedDie } from './review.js';

const MOST_PARAMETERS = 30;

/** Drift of the lots against the model's reference, with the groups that are told apart. */
export function driftTables(drift: LotDrift): ReportTable[] {
  return [
    parameterTable(drift),
    groupTable('Drift by tester', 'tester', drift.equipment),
    groupTable('Drift by site', 'tester, head/site', drift.sites),
  ];
}

const right = (title: string): ReportColumn => ({ title, align: 'right' });
const left = (title: string): ReportColumn => ({ title, align: 'left' });

function parameterTable({ parameters, dies, referenceDies, sentence }: LotDrift): ReportTable {
  const ranked = parameters.filter(({ psi }) => psi > 0).sort((a, b) => b.psi - a.psi);
  return {
    title: 'Drift',
    note: `${countText(dies)} scored touchdowns against ${countText(referenceDies)} passing dies of the training; ${sentence}; the parameters with the largest stability index`,
    columns: [
      left('parameter'),
      ...[
        'stability index',
        'mean shift in deviations',
        'deviation, ratio',
        'missing',
        'missing in training',
      ].map(right),
    ],
    rows: ranked
      .slice(0, MOST_PARAMETERS)
      .map((row) => [
        row.name.replace(/\s+/g, ' ').trim(),
        numberText(row.psi, 3),
        row.mean_shift === null ? '' : numberText(row.mean_shift, 3),
        row.standard_deviation_ratio === null ? '' : numberText(row.standard_deviation_ratio, 3),
        shareText(row.missing_rate),
        shareText(row.reference_missing_rate),
      ]),
  };
}

function groupTable(title: string, what: string, groups: readonly GroupDrift[]): ReportTable {
  return {
    title,
    note: 'its own index: what neither wafers nor the other groups show; over 0.25 it drifts',
    columns: [
      left(what),
      right('touchdowns'),
      right('fail rate'),
      right('largest index'),
      right('its own'),
      left('says'),
      left('most by'),
    ],
    rows: groups.map(({ name, dies, failRate, psiMax, ownPsiMax, judged, drifts, worst }) => [
      name,
      countText(dies),
      shareText(failRate ?? undefined),
      psiMax === null ? '' : numberText(psiMax, 3),
      ownPsiMax === null ? '' : numberText(ownPsiMax, 3),
      drifts ? 'drifts' : judged ? 'no drift' : 'too little to judge',
      worst[0]?.name.replace(/\s+/g, ' ').trim() ?? '',
    ]),
  };
}

/** The dies to look at. */
export function reviewTable(review: readonly ReviewedDie[]): ReportTable {
  const near = review.filter(({ chosen }) => chosen !== 'random').length;
  return {
    title: 'For review',
    note: `${near} nearest to the threshold, ${review.length - near} at random`,
    columns: [
      ...['chosen', 'die', 'wafer', 'tester'].map(left),
      ...['x', 'y', 'site', 'hard bin', 'soft bin', 'score', 'confidence'].map(right),
      left('model'),
      left('tests that spoke'),
    ],
    rows: review.map(({ chosen, die }) => [
      chosen,
      ...placeCells(die),
      numberText(die.outcome.score),
      shareText(die.outcome.confidence),
      die.outcome.prediction,
      reasonsText(die.outcome.explanations),
    ]),
  };
}
