import { isOriented } from '../../lots/wafer-maps.js';
import type { ModelVersion } from '../../models/model-version.js';
import { describeReport } from '../../stdf/stdf.js';
import { countText, printable, shareText } from '../../wafermap/text.js';
import { type Agreement, agreementOf, lastTouchdowns, reasonsNotScored } from './agreement.js';
import type { ScoredLot } from './score-lot.js';

/** What `score` prints for machines: one object for the whole call. */
export function scoreAsJson(lots: readonly ScoredLot[], { key, manifest }: ModelVersion) {
  return {
    model: key,
    threshold: manifest.threshold,
    files: lots.map((lot) => ({
      file: lot.file,
      lot: lot.lot.mir?.lotId ?? null,
      wafers: lot.lot.wafers.map(({ waferId }) => waferId ?? null),
      parts: agreementOf(lot.parts),
      dies: agreementOf(lastTouchdowns(lot.parts)),
      testsWithoutValues: lot.withoutValues,
      intact: lot.report.intact,
      damage: lot.report.damage,
    })),
  };
}

/** What `score` prints for people. */
export function describeScored(lots: readonly ScoredLot[], version: ModelVersion): string {
  const lines = lots.flatMap((lot) => [
    `${lot.file}: lot ${printable(lot.lot.mir?.lotId ?? 'unknown')}, ${lot.lot.wafers.length} wafer${lot.lot.wafers.length === 1 ? '' : 's'}`,
    `  model ${version.key}, a part fails above ${version.manifest.threshold}`,
    ...describeAgreement(agreementOf(lot.parts), 'parts'),
    ...describeAgreement(agreementOf(lastTouchdowns(lot.parts)), 'dies (last touchdown)'),
    ...lotNotes(lot).map((note) => `  ${note}`),
  ]);
  return `${lines.join('\n')}\n`;
}

function describeAgreement(agreement: Agreement, what: string): string[] {
  const { parts, scored, predictedFail, failRate } = agreement;
  const rest = parts - scored;
  return [
    `  ${countText(parts)} ${what}: ${countText(scored)} scored, ${countText(rest)} not scored`,
    ...reasonsNotScored(agreement).map(([why, count]) => `    ${countText(count)} not scored: ${why}`),
    ...(scored === 0
      ? []
      : [
          `    ${countText(predictedFail)} of ${countText(scored)} fail (${shareText(failRate)})`,
          ...agreementTable(agreement).map((line) => `    ${line}`),
        ]),
  ];
}

/** The scored parts by the file's own bins. */
function agreementTable({ byTester, caughtRate, flaggedRate }: Agreement): string[] {
  const { pass, fail, none } = byTester;
  const row = (name: string, tally: { scored: number; predictedFail: number }, rate: string) =>
    `${name.padEnd(16)}${countText(tally.predictedFail).padStart(12)}${countText(tally.scored - tally.predictedFail).padStart(13)}${rate}`;
  return [
    `${''.padEnd(16)}${'model: fail'.padStart(12)}${'model: pass'.padStart(13)}`,
    row('tester: fail', fail, fail.scored === 0 ? '' : `   caught  ${shareText(caughtRate)}`),
    row('tester: pass', pass, pass.scored === 0 ? '' : `   flagged ${shareText(flaggedRate)}`),
    ...(none.scored === 0 ? [] : [row('no verdict', none, '')]),
  ];
}

const MAX_LISTED = 8;

/** What the reader of the figures has to know of the file. */
export function lotNotes({ lot, parts, report, withoutValues }: ScoredLot): string[] {
  const unplaced = parts.filter(({ part }) => part.x === undefined || part.y === undefined).length;
  const names = withoutValues
    .slice(0, MAX_LISTED)
    .map(({ testNumber, name }) => `${testNumber} ${name.trim()}`);
  const more = withoutValues.length > MAX_LISTED ? ', ...' : '';
  return [
    ...(withoutValues.length === 0
      ? []
      : [`${withoutValues.length} tests of the model have no usable value: ${names.join(', ')}${more}`]),
    ...(unplaced === 0 ? [] : [`${countText(unplaced)} parts have no coordinates and are on no wafer map`]),
    ...(isOriented(lot)
      ? []
      : ['the file does not say which way x and y grow: maps are drawn with x to the right and y upwards']),
    ...describeReport(report).map((line) => `damaged: ${line}`),
  ].map(printable);
}
