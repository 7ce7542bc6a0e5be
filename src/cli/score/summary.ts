import { claimText, type LotClaim } from '../../lots/lot-claims.js';
import { testTitle } from '../../lots/tests/test-identity.js';
import { isOriented } from '../../lots/wafer-maps.js';
import type { ModelVersion } from '../../models/model-version.js';
import { describeReport } from '../../stdf/stdf.js';
import { countText, printable, shareText } from '../../wafermap/text.js';
import { type Agreement, reasonsNotScored } from './agreement.js';
import { floorRateJson, floorRateText } from './floor-rate.js';
import type { LotSayings } from './lot-watch.js';
import { neighbourhoodDies, neighbourhoodNotes } from './neighbourhoods.js';
import type { ScoredLot } from './score-lot.js';

/** What `score` prints for machines: one object for the whole call. */
export function scoreAsJson(lots: readonly ScoredLot[], version: ModelVersion, sayings: LotSayings) {
  return {
    model: version.key,
    threshold: version.manifest.threshold,
    baseRate: floorRateJson(version),
    lots: lots.map((lot) => ({
      lot: lot.lot.mir?.lotId ?? null,
      files: lot.passes.map(({ file, report }) => ({ file, intact: report.intact, damage: report.damage })),
      wafers: wafersOf(lot),
      parts: lot.parts.counts.parts,
      dies: lot.parts.counts.dies,
      retested: lot.parts.counts.retested,
      diesKnownBy: lot.naming,
      testsConverted: lot.converted.map(({ model, lot: found, factor }) => ({
        ...model,
        from: found.unit ?? null,
        factor,
      })),
      testsWithoutValues: lot.withoutValues,
      claims: claimsOfLot(lot, sayings),
      badNeighbourhoods: neighbourhoodDies(lot),
    })),
  };
}

/** The ids of the lot's wafers, those of several files once. */
function wafersOf({ passes }: ScoredLot): (string | null)[] {
  return [...new Set(passes.flatMap(({ lot }) => lot.wafers.map(({ waferId }) => waferId ?? null)))];
}

/** What `score` prints for people. */
export function describeScored(
  lots: readonly ScoredLot[],
  version: ModelVersion,
  sayings: LotSayings,
): string {
  const lines = lots.flatMap((lot) => [
    `${lot.file}: lot ${printable(lot.lot.mir?.lotId ?? 'unknown')}, ${wafersOf(lot).length} wafer${wafersOf(lot).length === 1 ? '' : 's'}`,
    ...modelLines(version),
    ...describeAgreement(lot.parts.counts.parts, 'parts'),
    ...describeAgreement(lot.parts.counts.dies, 'dies (last touchdown)'),
    ...lotNotes(lot, sayings).map((note) => `  ${note}`),
  ]);
  return `${lines.join('\n')}\n`;
}

/** What decided, and what its confidences are right for. */
export function modelLines(version: ModelVersion): string[] {
  const rate = floorRateText(version);
  return [
    `  model ${version.key}, a part fails above ${version.manifest.threshold}`,
    ...(rate === undefined ? [] : [`  ${rate}`]),
  ];
}

/** Lines of what was scored of some parts, and how it agrees with the tester. */
export function describeAgreement(agreement: Agreement, what: string): string[] {
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

/** Which parts are on no wafer map, and why. */
function placeNotes({ parts, hasPlaces }: ScoredLot): string[] {
  const { unplaced } = parts.counts;
  if (parts.length === 0) return [];
  if (hasPlaces && unplaced === 0) return [];
  if (hasPlaces) return [`${countText(unplaced)} parts have no coordinates and are on no wafer map`];
  return unplaced === parts.length
    ? ['no part has coordinates: there is no wafer map']
    : ['all parts have the same coordinates, which say nothing: there is no wafer map'];
}

/** What the reader of the figures has to know of the file. */
export function lotNotes(scored: ScoredLot, sayings: LotSayings): string[] {
  const { lot, parts, passes, naming, withoutValues, hasPlaces } = scored;
  const { retested } = parts.counts;
  const names = withoutValues
    .slice(0, MAX_LISTED)
    .map(({ testNumber, name }) => `${testNumber} ${name.trim()}`);
  const more = withoutValues.length > MAX_LISTED ? ', ...' : '';
  return [
    ...(withoutValues.length === 0
      ? []
      : [`${withoutValues.length} tests of the model have no usable value: ${names.join(', ')}${more}`]),
    ...placeNotes(scored),
    ...neighbourhoodNotes(neighbourhoodDies(scored)),
    ...(isOriented(lot) || !hasPlaces
      ? []
      : ['the file does not say which way x and y grow: maps are drawn with x to the right and y upwards']),
    ...(passes.length < 2 ? [] : [`${passes.length} files of one lot, joined`]),
    ...(retested === 0
      ? []
      : [`${countText(retested)} dies were tested again: their last touchdown is final`]),
    ...convertedNotes(scored),
    ...claimNotes(claimsOfLot(scored, sayings)),
    ...(lot.wafers.length > 0 && !naming.byPosition && parts.length > 0
      ? ['all parts have the same coordinates: dies are told apart by PART_ID']
      : []),
    ...(naming.byPartId === 'nothing'
      ? ['PART_ID comes again after parts that passed, so it names no die: each part counts as one']
      : []),
    ...(naming.byPartId === 'part_id_of_file' && passes.length > 1
      ? [
          'PART_ID is counted anew in each file: parts that a later file tests again count as dies of their own',
        ]
      : []),
    ...passes.flatMap(({ report }) =>
      // The damage comes first; what is skipped is none.
      describeReport(report).map((line, i) => (i < report.damage.length ? `damaged: ${line}` : line)),
    ),
  ].map(printable);
}

/** Of all files of a lot, with the file's name where there are several. */
function claimsOfLot({ passes }: ScoredLot, sayings: LotSayings): (LotClaim & { readonly file: string })[] {
  return passes.flatMap(({ file, lot }) => sayings.claimsOf(lot).map((claim) => ({ file, ...claim })));
}

function claimNotes(claims: readonly (LotClaim & { readonly file: string })[]): string[] {
  const files = new Set(claims.map(({ file }) => file));
  const told = claims.slice(0, MAX_LISTED).map((claim) => {
    const where = files.size > 1 ? `${claim.file}: ` : '';
    return `${where}${claimText(claim, countText)}`;
  });
  const more = claims.length - told.length;
  return [...told, ...(more > 0 ? [`and ${countText(more)} claims more that the parts contradict`] : [])];
}

/** Which units were converted, a line for each pair of them. */
function convertedNotes({ converted }: ScoredLot): string[] {
  const pairs = new Map<string, string[]>();
  for (const { model, lot } of converted) {
    const pair = `${lot.unit} to ${model.unit}`;
    pairs.set(pair, [...(pairs.get(pair) ?? []), testTitle(model)]);
  }
  return [...pairs].map(([pair, titles]) => {
    const more = titles.length > MAX_LISTED ? ', ...' : '';
    return `converted from ${pair}, the model's unit: ${titles.slice(0, MAX_LISTED).join(', ')}${more}`;
  });
}
