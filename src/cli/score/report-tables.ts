import { type Explanation, explainedTitle, explanationText } from '../../lots/explanation.js';
import { binsText } from '../../lots/part-groups.js';
import { shownFormOf, shownNumbers } from '../../lots/shown-value.js';
import { testerTime } from '../../lots/tester-time.js';
import { AS_WRITTEN, identityOfTest, testTitle as titleOfTest } from '../../lots/tests/test-identity.js';
import type { BinTally, Lot } from '../../stdf/stdf.js';
import { partText, type ReportColumn, type ReportTable } from '../../wafermap/report-table.js';
import { countText, numberText, shareText } from '../../wafermap/text.js';
import { agreementOf, lastTouchdowns } from './agreement.js';
import { equipmentOf, groupsOf, siteOf } from './groups.js';
import type { LotSayings } from './lot-watch.js';
import { neighbourhoodDies, reasonText } from './neighbourhoods.js';
import { type FoundDie, foundPart } from './review.js';
import type { ScoredLot } from './score-lot.js';
import type { ScoredPart } from './scored-part.js';

/** Rows of the long tables; what is beyond is counted in their notes, and --out has all of it. */
const MOST_DIES = 200;
const MOST_TESTS = 40;

/** The tables of a report, those before the maps and the long ones after them. */
export function reportTables(
  lots: readonly ScoredLot[],
  { bySite, byEquipment }: LotSayings,
): {
  readonly tables: readonly ReportTable[];
  readonly details: readonly ReportTable[];
} {
  const dies = lots.flatMap(({ parts }) => [...lastTouchdowns(parts)]);
  return {
    tables: [
      lotTable(lots),
      groupTable('By site', 'head/site', dies, siteOf),
      meansTable('Means by site', 'at', bySite),
      groupTable('By equipment', 'equipment', dies, equipmentOf),
      meansTable('Means by equipment', 'at', byEquipment),
      binTable('Soft bins', lots, dies, 'softBin'),
      binTable('Hard bins', lots, dies, 'hardBin'),
    ],
    details: [testTable(dies), failingDies(dies), neighbourhoodTable(lots)],
  };
}

/** Dies that passed where most others failed. */
function neighbourhoodTable(lots: readonly ScoredLot[]): ReportTable {
  const found = lots.flatMap((lot) => neighbourhoodDies(lot));
  return {
    title: 'Passing dies in bad neighbourhoods',
    note: `${found.length > MOST_DIES ? `the first ${MOST_DIES} of ${countText(found.length)}; ` : ''}by the tester's verdicts on last touchdowns`,
    columns: columnsOf(['die', 'wafer'], ['x', 'y'], ['why']),
    rows: found
      .slice(0, MOST_DIES)
      .map(({ dieId, wafer, x, y, reasons }) => [
        dieId,
        wafer ?? '',
        String(x),
        String(y),
        reasonText(reasons),
      ]),
  };
}

function columnsOf(
  left: readonly string[],
  right: readonly string[],
  last: readonly string[] = [],
): ReportColumn[] {
  return [
    ...left.map((title) => ({ title, align: 'left' as const })),
    ...right.map((title) => ({ title, align: 'right' as const })),
    ...last.map((title) => ({ title, align: 'left' as const })),
  ];
}

function lotTable(lots: readonly ScoredLot[]): ReportTable {
  return {
    title: 'Lots',
    note: "times of the tester's own clock",
    columns: columnsOf(
      ['file', 'lot', 'product', 'program', 'tester', 'started', 'finished'],
      ['touchdowns', 'dies', "tester's yield", "model's yield"],
    ),
    rows: lots.map(({ file, lot, parts }) => {
      const dies = [...lastTouchdowns(parts)];
      const { mir, mrr } = lot;
      return [
        file,
        together(mir?.lotId, mir?.sblotId),
        mir?.partTyp.trim() ?? '',
        together(mir?.jobNam, mir?.jobRev),
        mir?.nodeNam.trim() ?? '',
        timeText(mir?.startT),
        timeText(mrr?.finishT),
        countText(parts.length),
        countText(dies.length),
        ...yields(dies),
      ];
    }),
  };
}

function together(first: string | undefined, second: string | undefined): string {
  return [first, second]
    .map((text) => text?.trim() ?? '')
    .filter((text) => text !== '')
    .join(' / ');
}

function timeText(seconds: number | undefined): string {
  return testerTime(seconds)?.replace('T', ' ') ?? '';
}

/** Of the tester, and of the model over what it scored. */
function yields(dies: readonly ScoredPart[]): [string, string] {
  const judged = dies.filter(({ part }) => part.verdict !== 'none');
  const good = judged.filter(({ part }) => part.verdict === 'pass').length;
  const { failRate } = agreementOf(dies);
  return [
    shareText(judged.length === 0 ? undefined : good / judged.length),
    shareText(failRate === undefined ? undefined : 1 - failRate),
  ];
}

/** Nothing where there is one group only: the lot's own figures say the same. */
function groupTable(
  title: string,
  what: string,
  dies: readonly ScoredPart[],
  groupOf: (die: ScoredPart) => string,
): ReportTable {
  const groups = groupsOf(dies, groupOf);
  return {
    title,
    columns: columnsOf(
      [what],
      ['dies', 'scored', "tester's yield", "model's yield", 'caught', 'flagged', 'median score'],
      ['hard bins'],
    ),
    rows: groups.length < 2 ? [] : groups.map(({ name, dies }) => groupRow(name, dies)),
  };
}

function groupRow(name: string, dies: readonly ScoredPart[]): string[] {
  const { scored, byTester } = agreementOf(dies);
  const median = medianScore(dies);
  return [
    name,
    countText(dies.length),
    countText(scored),
    ...yields(dies),
    partText(byTester.fail.predictedFail, byTester.fail.scored),
    partText(byTester.pass.predictedFail, byTester.pass.scored),
    median === undefined ? '' : numberText(median),
    binsText(hardBinsOf(dies), countText),
  ];
}

function hardBinsOf(dies: readonly ScoredPart[]): ReadonlyMap<number, number> {
  const bins = new Map<number, number>();
  for (const { part } of dies)
    if (part.hardBin !== undefined) bins.set(part.hardBin, (bins.get(part.hardBin) ?? 0) + 1);
  return bins;
}

/** Tests whose mean differs by more than chance; nothing where none does. */
function meansTable(title: string, at: string, unlike: LotSayings['bySite']): ReportTable {
  return {
    title,
    note: `over usable values of all touchdowns; tests whose means differ by more than chance, the farthest apart first${beyond(unlike.length, MOST_TESTS)}`,
    columns: [
      ...columnsOf(['test', 'unit'], ['lowest mean'], [at]),
      ...columnsOf([], ['highest mean'], [at]),
      ...columnsOf([], ['apart, in deviations']),
    ],
    rows: unlike.slice(0, MOST_TESTS).map(({ test, lowest, highest, apart }) => {
      const form = shownFormOf(test.display);
      const [low = '', high = ''] = shownNumbers([lowest.mean, highest.mean], form);
      return [
        titleOfTest(identityOfTest(test, AS_WRITTEN)),
        form.unit,
        ...[low, lowest.group, high, highest.group],
        apart.toFixed(2),
      ];
    }),
  };
}

function medianScore(dies: readonly ScoredPart[]): number | undefined {
  const scores = Float64Array.from(
    dies.flatMap(({ outcome }) => (outcome.kind === 'scored' ? [outcome.score] : [])),
  ).sort();
  return scores[Math.floor(scores.length / 2)];
}

function binTable(
  title: string,
  lots: readonly ScoredLot[],
  dies: readonly ScoredPart[],
  kind: 'softBin' | 'hardBin',
): ReportTable {
  const names = new Map(
    lots.flatMap(({ lot }) => tallies(lot, kind).map(({ bin, name }) => [bin, name] as const)),
  );
  const byBin = new Map<number, ScoredPart[]>();
  for (const die of dies) {
    const bin = die.part[kind];
    if (bin === undefined) continue;
    const of = byBin.get(bin);
    if (of === undefined) byBin.set(bin, [die]);
    else of.push(die);
  }
  return {
    title,
    note: 'of dies at their last touchdown',
    columns: columnsOf(
      ['bin', 'name'],
      ['dies', 'of the lot', 'failed by the tester', 'scored', 'failed by the model'],
    ),
    rows: [...byBin]
      .sort(([a], [b]) => a - b)
      .map(([bin, of]) => {
        const { scored, predictedFail } = agreementOf(of);
        const failed = of.filter(({ part }) => part.verdict === 'fail').length;
        const counts = [failed, scored, predictedFail].map(countText);
        return [
          String(bin),
          names.get(bin)?.trim() ?? '',
          countText(of.length),
          shareText(of.length / dies.length),
          ...counts,
        ];
      }),
  };
}

function tallies(lot: Lot, kind: 'softBin' | 'hardBin'): readonly BinTally[] {
  return kind === 'softBin' ? lot.softBins : lot.hardBins;
}

/** Tests by what they contributed to the scores of dies that the model fails. */
function testTable(dies: readonly ScoredPart[]): ReportTable {
  const failing = dies.flatMap(({ outcome }) =>
    outcome.kind === 'scored' && outcome.prediction === 'fail' ? [outcome.explanations] : [],
  );
  const tests = new Map<string, { first: number; named: number; share: number }>();
  for (const explanations of failing) {
    explanations.forEach((explanation, rank) => {
      const title = explainedTitle(explanation);
      const test = tests.get(title) ?? { first: 0, named: 0, share: 0 };
      tests.set(title, {
        first: test.first + Number(rank === 0),
        named: test.named + 1,
        share: test.share + explanation.share,
      });
    });
  }
  const ranked = [...tests].sort(([, a], [, b]) => b.share - a.share);
  return {
    title: 'Tests by contribution',
    note: `to the scores of the ${countText(failing.length)} dies that the model fails${beyond(ranked.length, MOST_TESTS)}`,
    columns: columnsOf(['test'], ['largest in', 'named in', 'share of these scores']),
    rows: ranked
      .slice(0, MOST_TESTS)
      .map(([title, { first, named, share }]) => [
        title,
        countText(first),
        countText(named),
        shareText(share / failing.length),
      ]),
  };
}

/** Dies that the model fails, the largest score first. */
function failingDies(dies: readonly ScoredPart[]): ReportTable {
  const failing = dies
    .flatMap((die) =>
      die.outcome.kind === 'scored' && die.outcome.prediction === 'fail'
        ? [{ ...die, outcome: die.outcome }]
        : [],
    )
    .sort((a, b) => b.outcome.score - a.outcome.score);
  return {
    title: 'Failing dies',
    note: `by the model, the largest score first${beyond(failing.length, MOST_DIES)}`,
    columns: columnsOf(
      ['die', 'wafer', 'tester'],
      ['x', 'y', 'site', 'hard bin', 'soft bin', 'score', 'confidence'],
      ['tests that contributed most'],
    ),
    rows: failing.slice(0, MOST_DIES).map((die) => {
      const { score, confidence, explanations } = die.outcome;
      const scores = [numberText(score), shareText(confidence)];
      return [...placeCells(foundPart(die)), ...scores, reasonsText(explanations)];
    }),
  };
}

/** What names a die in a table, and what the tester says of it. */
export function placeCells({ label, tester, partId, x, y, site, hardBin, softBin }: FoundDie): string[] {
  const number = (value: number | undefined) => (value === undefined ? '' : String(value));
  return [
    partId?.trim() || label.die_id,
    label.wafer_id ?? '',
    tester === 'none' ? '' : tester,
    number(x),
    number(y),
    site,
    number(hardBin),
    number(softBin),
  ];
}

export function reasonsText(explanations: readonly Explanation[]): string {
  return explanations.map(explanationText).join('; ');
}

function beyond(rows: number, most: number): string {
  return rows > most ? `; the first ${most} of ${countText(rows)}` : '';
}
