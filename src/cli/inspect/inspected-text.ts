import { type GroupedTest, type Unlike, unlikeTests } from '../../lots/group-statistics.js';
import type { InspectedBin, InspectedTest, YieldFigures } from '../../lots/inspection.js';
import { claimText } from '../../lots/lot-claims.js';
import { binsText, type GroupFigures, yieldOfGroup } from '../../lots/part-groups.js';
import { shownFormOf, shownNumbers } from '../../lots/shown-value.js';
import { describeReport, type TestDefinition } from '../../stdf/stdf.js';
import { countText, printable, shareText } from '../../wafermap/text.js';
import { type Column, tableLines } from '../table.js';
import { type ByEquipment, unlikeByEquipment } from './by-equipment.js';
import { hardwareOf, type InspectedLot, identityOf } from './inspected-lot.js';

/** What `inspect` prints for people. */
export function describeInspected(inspected: InspectedLot): string {
  const { file, lot, inspection, report } = inspected;
  const { total, wafers, tests } = inspection;
  const lines = [
    `${file}: ${countText(report.records)} records, ${countText(report.bytes)} bytes, ${report.byteOrder === 'mixed' ? 'little- and big-endian' : `${report.byteOrder}-endian`}`,
    ...damageLines(inspected),
    '',
    ...identityLines(inspected),
    '',
    ...partLines(inspected),
    '',
    ...tableLines(WAFER_COLUMNS, [
      ...wafers.map(({ wafer, ...figures }) => ({ name: wafer.waferId ?? `#${wafer.index + 1}`, figures })),
      ...(wafers.length === 1 ? [] : [{ name: 'all', figures: total }]),
    ]),
    '',
    ...(inspection.sites.length < 2 ? [] : [...tableLines(groupColumns('head/site'), inspection.sites), '']),
    ...tableLines(binColumns('hard bin'), inspection.hardBins),
    '',
    ...tableLines(binColumns('soft bin'), inspection.softBins),
    '',
    `${tests.length} tests, statistics over usable values:`,
    ...tableLines(TEST_COLUMNS, tests.map(testRow)),
    ...tests.flatMap(limitLines),
    ...unlikeLines(
      'site',
      unlikeTests(tests.map(({ test, statistics, sites }) => ({ test, all: statistics, groups: sites }))),
    ),
    ...(lot.wafers.length === 0 ? ['', 'no wafers: packaged parts, or the WIR is missing'] : []),
  ];
  return `${lines.map(printable).join('\n')}\n`;
}

/** Limits that were not the same for all parts: from which part on each held. */
function limitLines({ test, limitChanges }: InspectedTest): string[] {
  if (limitChanges === undefined) return [];
  const { from, changes } = limitChanges;
  const form = shownFormOf(test.display);
  const held = from.map(({ limits: { lo, hi }, part }) => {
    const [low, high] = shownNumbers([lo, hi], form);
    const place = part.x === undefined || part.y === undefined ? '' : ` at ${part.x},${part.y}`;
    const unit = form.unit === '' ? '' : ` ${form.unit}`;
    return `${low ?? 'none'} to ${high ?? 'none'}${unit} from part ${part.partId ?? part.index + 1}${place}`;
  });
  const more = changes + 1 > from.length ? `, and ${changes + 1 - from.length} changes more` : '';
  return [`limits of ${test.testNum} ${test.testTxt.trim()} changed: ${held.join('; ')}${more}`];
}

function damageLines({ report }: InspectedLot): string[] {
  if (report.intact && report.unknown.length === 0) return ['  intact'];
  return describeReport(report).map((line) => `  ${line}`);
}

function identityLines({ lot }: InspectedLot): string[] {
  const { retestOfBins, ...identity } = identityOf(lot);
  const names: Readonly<Record<keyof typeof identity, string>> = {
    lotId: 'lot',
    sublotId: 'sublot',
    product: 'product',
    program: 'program',
    programRevision: 'revision',
    testerType: 'tester type',
    tester: 'tester',
    started: 'started',
    finished: 'finished',
  };
  const lines = Object.entries(names).flatMap(([key, name]) => {
    const value = new Map<string, string | null>(Object.entries(identity)).get(key);
    return value === null || value === undefined ? [] : [`${name.padEnd(12)}${value}`];
  });
  return [...lines, ...hardwareLines(lot), ...(retestOfBins ? ['the whole file is a retest (RDR)'] : [])];
}

/** Handler, probe card and boards, with head and sites where several groups have their own. */
function hardwareLines(lot: InspectedLot['lot']): string[] {
  const groups = hardwareOf(lot);
  return groups.flatMap(({ head, sites, ...hardware }) =>
    Object.entries(hardware).flatMap(([part, named]) => {
      if (named === undefined) return [];
      const what = part.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`).padEnd(12);
      const where = groups.length < 2 ? '' : ` (head ${head}, site ${sites?.join(', ') ?? 'all'})`;
      return [`${what}${named}${where}`];
    }),
  );
}

function partLines({ lot, inspection: { total, retests, claims } }: InspectedLot): string[] {
  const { parts, oddities } = lot;
  const odd = [
    [parts.noVerdict, 'parts without a verdict'],
    [parts.notEnded, 'parts that never ended (no PRR)'],
    [oddities.orphanResults, 'results of no part'],
    [oddities.partsWithoutPir, 'parts without a PIR'],
  ] as const;
  return [
    `${countText(total.parts)} touchdowns on ${countText(total.dies)} dies: ${countText(parts.passed)} passed, ${countText(parts.failed)} failed, ${countText(parts.withResults)} with results`,
    `yield: ${shareText(total.lastYield)} of dies at their last touchdown, ${shareText(total.firstYield)} at their first, ${shareText(total.touchdownYield)} of touchdowns`,
    retests.dies === 0
      ? 'no retests'
      : `retests: ${countText(retests.dies)} dies (${countText(retests.unflagged)} touchdowns unflagged), ${countText(retests.recovered)} recovered, ${countText(retests.lost)} lost`,
    ...claims.map((claim) => claimText(claim, countText)),
    ...odd.filter(([count]) => count > 0).map(([count, what]) => `${countText(count)} ${what}`),
  ];
}

interface WaferRow {
  readonly name: string;
  readonly figures: YieldFigures;
}

const WAFER_COLUMNS: readonly Column<WaferRow>[] = [
  { title: 'wafer', align: 'left', text: ({ name }) => name },
  { title: 'touchdowns', align: 'right', text: ({ figures }) => countText(figures.parts) },
  { title: 'dies', align: 'right', text: ({ figures }) => countText(figures.dies) },
  { title: 'with results', align: 'right', text: ({ figures }) => countText(figures.withResults) },
  { title: 'first yield', align: 'right', text: ({ figures }) => shareText(figures.firstYield) },
  { title: 'last yield', align: 'right', text: ({ figures }) => shareText(figures.lastYield) },
];

function groupColumns(title: string): readonly Column<GroupFigures>[] {
  return [
    { title, align: 'left', text: ({ group }) => group },
    { title: 'touchdowns', align: 'right', text: ({ touchdowns }) => countText(touchdowns) },
    { title: 'passed', align: 'right', text: ({ passed }) => countText(passed) },
    { title: 'failed', align: 'right', text: ({ failed }) => countText(failed) },
    { title: 'yield', align: 'right', text: (figures) => shareText(yieldOfGroup(figures)) },
    { title: 'hard bins', align: 'left', text: ({ hardBins }) => binsText(hardBins, countText) },
  ];
}

/** What the lots of a file say by the tester that tested them, where there are several. */
export function describeEquipment(equipment: ByEquipment): string {
  if (equipment.testers.length < 2) return '';
  const lines = [
    '',
    ...tableLines(groupColumns('equipment'), equipment.testers),
    ...unlikeLines('equipment', unlikeByEquipment(equipment)),
  ];
  return `${lines.map(printable).join('\n')}\n`;
}

type UnlikeTest = GroupedTest & Unlike;

const MOST_UNLIKE = 10;

/** The tests whose means are farthest apart; nothing where chance explains all. */
function unlikeLines(what: string, unlike: readonly UnlikeTest[]): string[] {
  if (unlike.length === 0) return [];
  const more = unlike.length > MOST_UNLIKE ? `, the first ${MOST_UNLIKE} of ${countText(unlike.length)}` : '';
  return [
    '',
    `tests whose mean differs by ${what}${more}:`,
    ...tableLines(unlikeColumns(what), unlike.slice(0, MOST_UNLIKE)),
  ];
}

function unlikeColumns(what: string): readonly Column<UnlikeTest>[] {
  const shown = ({ test, lowest, highest }: UnlikeTest) =>
    shownNumbers([lowest.mean, highest.mean], shownFormOf(test.display));
  return [
    { title: 'test', align: 'right', text: ({ test }) => numberOf(test) },
    { title: 'name', align: 'left', text: ({ test }) => test.testTxt.replace(/\s+/g, ' ').trim() },
    { title: 'unit', align: 'left', text: ({ test }) => shownFormOf(test.display).unit },
    { title: 'lowest mean', align: 'right', text: (unlike) => shown(unlike)[0] ?? '' },
    { title: what, align: 'left', text: ({ lowest }) => lowest.group },
    { title: 'highest mean', align: 'right', text: (unlike) => shown(unlike)[1] ?? '' },
    { title: what, align: 'left', text: ({ highest }) => highest.group },
    { title: 'apart, in deviations', align: 'right', text: ({ apart }) => apart.toFixed(2) },
  ];
}

function binColumns(title: string): readonly Column<InspectedBin>[] {
  return [
    { title, align: 'right', text: ({ bin }) => String(bin) },
    { title: 'touchdowns', align: 'right', text: ({ parts }) => countText(parts) },
    { title: 'passed', align: 'right', text: ({ passed }) => countText(passed) },
    { title: 'failed', align: 'right', text: ({ failed }) => countText(failed) },
    { title: 'dies at last', align: 'right', text: ({ dies }) => countText(dies) },
    {
      title: 'stated',
      align: 'right',
      text: ({ recordCount }) => (recordCount === undefined ? '' : countText(recordCount)),
    },
    { title: 'name', align: 'left', text: ({ name }) => name ?? '' },
  ];
}

/** A test as it is shown: numbers in its display unit, as precise as tells them apart. */
interface TestRow extends InspectedTest {
  readonly unit: string;
  readonly shown: Readonly<Record<'low' | 'high' | 'min' | 'mean' | 'max' | 'deviation', string>>;
}

function testRow(inspected: InspectedTest): TestRow {
  const { test, statistics } = inspected;
  const form = shownFormOf(test.display);
  const { min, mean, max, deviation } = statistics;
  const [low, high, ...of] = shownNumbers([test.limits.lo, test.limits.hi, min, mean, max], form);
  const [least, average, greatest] = of;
  return {
    ...inspected,
    unit: form.unit,
    shown: {
      low: low ?? '',
      high: high ?? '',
      min: least ?? '',
      mean: average ?? '',
      max: greatest ?? '',
      deviation: shownNumbers([deviation], form)[0] ?? '',
    },
  };
}

/** `200[3]`, with the pin where the file names it: one position of a record of several values. */
function numberOf({ testNum, position, pin }: TestDefinition): string {
  const place = position === undefined ? '' : `[${position}${pin === undefined ? '' : ` ${pin}`}]`;
  return `${testNum}${place}`;
}

const TEST_COLUMNS: readonly Column<TestRow>[] = [
  { title: 'test', align: 'right', text: ({ test }) => numberOf(test) },
  { title: 'name', align: 'left', text: ({ test }) => test.testTxt.replace(/\s+/g, ' ').trim() },
  { title: 'unit', align: 'left', text: ({ unit }) => unit },
  { title: 'low limit', align: 'right', text: ({ shown }) => shown.low },
  { title: 'high limit', align: 'right', text: ({ shown }) => shown.high },
  { title: 'results', align: 'right', text: ({ statistics }) => countText(statistics.results) },
  { title: 'usable', align: 'right', text: ({ statistics }) => countText(statistics.values) },
  { title: 'failed', align: 'right', text: ({ statistics }) => countText(statistics.failed) },
  { title: 'min', align: 'right', text: ({ shown }) => shown.min },
  { title: 'mean', align: 'right', text: ({ shown }) => shown.mean },
  { title: 'max', align: 'right', text: ({ shown }) => shown.max },
  { title: 'deviation', align: 'right', text: ({ shown }) => shown.deviation },
];
