import { INK, LINE, MUTED } from './palette.js';
import { partText, plain, type ReportTable, tableSection } from './report-table.js';
import { type ScoreScale, scoreScale } from './score-scale.js';
import { stacksOf, type WaferStack } from './stack.js';
import { stackSvg } from './stack-svg.js';
import { waferSvg } from './svg.js';
import { type MapTally, tallyOf } from './tally.js';
import { countText, shareText, waferTitle } from './text.js';
import { TIP_NOTES, type TipDetail, tipDetailFor } from './tip.js';
import type { WaferMap } from './wafer-map.js';

/** What the report says besides its maps. Plain text: it is escaped here. */
export interface ReportSummary {
  /** Label and value, such as `['model', 'die-defect/1']`. */
  readonly facts: readonly (readonly [label: string, value: string])[];
  /** What the reader has to know of the data, one sentence each. */
  readonly notes: readonly string[];
}

interface HtmlReportOptions {
  readonly title: string;
  readonly summary: ReportSummary;
  /** Before the maps, in their order; those without rows are left out. */
  readonly tables?: readonly ReportTable[];
  /** The long ones, after the maps. */
  readonly details?: readonly ReportTable[];
  readonly wafers: readonly WaferMap[];
}

/** A part of the page and its entry in the list of contents. */
interface Section {
  readonly id: string;
  readonly title: string;
  readonly html: string;
}

/**
 * A whole HTML page: no script, nothing fetched, one colour scale for all of its wafers, each wafer's maps on a
 * page of their own in print.
 */
export function htmlReport({ title, summary, tables = [], details = [], wafers }: HtmlReportOptions): string {
  const drawn = wafers.filter(({ dies }) => dies.length > 0);
  const detail = tipDetailFor(wafers.reduce((sum, { dies }) => sum + dies.length, 0));
  const notes = [...summary.notes, ...(drawn.length === 0 ? [NO_MAPS] : [TIP_NOTES[detail]])];
  const sections = [
    ...(wafers.length > 1 ? [overview(wafers)] : []),
    ...tables.map((table, i) => tableOf(table, `table-${i + 1}`)),
    ...stacksOf(wafers).map(stackSection),
    ...waferSections(wafers, detail),
    ...details.map((table, i) => tableOf(table, `detail-${i + 1}`)),
  ].filter(({ html }) => html !== '');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${plain(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<header>
<h1>${plain(title)}</h1>
<dl>${summary.facts.map(([label, value]) => `<div><dt>${plain(label)}</dt><dd>${plain(value)}</dd></div>`).join('')}</dl>
</header>
${contents(sections)}
${sections.map(({ html }) => html).join('\n')}
<footer>${notes.map((note) => `<p>${plain(note)}</p>`).join('')}</footer>
</body>
</html>
`;
}

const NO_MAPS = 'No die has coordinates: there are no wafer maps.';

/** Links to the sections; the wafers have theirs in the table of wafers. */
function contents(sections: readonly Section[]): string {
  const listed = sections.filter(({ id }) => !id.startsWith(WAFER_ID));
  if (listed.length < 2) return '';
  const links = listed.map(({ id, title }) => `<a href="#${id}">${plain(title)}</a>`);
  return `<nav>${links.join(' ')}</nav>`;
}

function tableOf(table: ReportTable, id: string): Section {
  return { id, title: table.title, html: tableSection(table, id) };
}

const WAFER_ID = 'wafer-';

function waferSections(wafers: readonly WaferMap[], detail: TipDetail): Section[] {
  const scales = new Map<number, ScoreScale>();
  for (const { threshold } of wafers) {
    const scores = wafers.flatMap(({ dies }) =>
      dies.flatMap(({ score }) => (score === undefined ? [] : [score])),
    );
    if (!scales.has(threshold)) scales.set(threshold, scoreScale(scores, threshold));
  }
  return wafers.map((map, i) => {
    const scale = scales.get(map.threshold) ?? scoreScale([], map.threshold);
    const id = `${WAFER_ID}${i + 1}`;
    return { id, title: waferTitle(map), html: waferSection(map, id, detail, scale) };
  });
}

function waferSection(map: WaferMap, id: string, detail: TipDetail, scale: ScoreScale): string {
  const tally = tallyOf(map.dies);
  const flat = map.flat === undefined ? '' : ` \u00b7 flat or notch ${map.flat}`;
  const axes = `x grows ${map.xGrowsLeft ? 'left' : 'right'}, y grows ${map.yGrowsUp ? 'up' : 'down'}`;
  return `<section id="${id}" class="wafer">
<h2>${plain(waferTitle(map))} <small>${axes}${flat}</small></h2>
<ul class="figures">${figures(tally).map(figure).join('')}</ul>
${map.dies.length === 0 ? '<p>No die of this wafer has coordinates.</p>' : `<div class="scroll">${waferSvg(map, detail, scale)}</div>`}
</section>`;
}

function stackSection(stack: WaferStack, i: number): Section {
  const title = `${stack.wafers} wafers stacked${stack.lotId === undefined ? '' : `, lot ${stack.lotId}`}`;
  const id = `stack-${i + 1}`;
  const html = `<section id="${id}" class="wafer">
<h2>${plain(title)} <small>share of the wafers in which the die at a place fails</small></h2>
<div class="scroll">${stackSvg(stack)}</div>
</section>`;
  return { id, title, html };
}

interface Figure {
  readonly value: string;
  readonly label: string;
}

function figures({ dies, scored, ...tally }: MapTally): Figure[] {
  return [
    { value: countText(dies), label: 'dies' },
    { value: countText(scored), label: 'scored' },
    { value: shareText(tally.testerYield), label: "tester's yield" },
    { value: shareText(tally.modelYield), label: "model's yield of the scored" },
    { value: partText(tally.caught, tally.testerFailed), label: "of the tester's fails, scored: caught" },
    { value: partText(tally.flagged, tally.testerPassed), label: "of the tester's passes, scored: flagged" },
  ];
}

function figure({ value, label }: Figure): string {
  return `<li><b>${value}</b> ${label}</li>`;
}

function overview(wafers: readonly WaferMap[]): Section {
  const rows = wafers.map((map, i) => {
    const tally = tallyOf(map.dies);
    const cells = [
      countText(tally.dies),
      countText(tally.scored),
      shareText(tally.testerYield),
      shareText(tally.modelYield),
      `${countText(tally.caught)} / ${countText(tally.testerFailed)}`,
      `${countText(tally.flagged)} / ${countText(tally.testerPassed)}`,
    ];
    const name = `<td class="l"><a href="#${WAFER_ID}${i + 1}">${plain(waferTitle(map))}</a></td>`;
    return `<tr>${name}${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`;
  });
  const html = `<section id="wafers" class="table">
<h2>Wafers</h2>
<div class="scroll"><table><thead><tr><th class="l">wafer</th><th>dies</th><th>scored</th><th>tester's yield</th><th>model's yield</th><th>caught</th><th>flagged</th></tr></thead>
<tbody>${rows.join('\n')}</tbody></table></div>
</section>`;
  return { id: 'wafers', title: 'Wafers', html };
}

const STYLE = `
body{font-family:system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;color:${INK};background:#fff;max-width:1160px;margin:28px auto 40px;padding:0 24px;line-height:1.4}
h1{font-size:26px;font-weight:650;margin:0 0 12px;overflow-wrap:anywhere}
h2{font-size:20px;font-weight:600;margin:30px 0 10px;padding-top:18px;border-top:1px solid ${LINE};overflow-wrap:anywhere}
h2 small{font-size:14px;font-weight:400;color:${MUTED};margin-left:10px}
dl{display:flex;flex-wrap:wrap;gap:6px 28px;margin:0}
dt{font-size:12px;color:${MUTED}}dd{margin:0;font-size:15px;overflow-wrap:anywhere}
nav{display:flex;flex-wrap:wrap;gap:4px 18px;margin:18px 0 0;font-size:14px}
.figures{display:flex;flex-wrap:wrap;gap:8px 30px;list-style:none;margin:0 0 6px;padding:0;font-size:13px;color:${MUTED}}
.figures b{display:block;font-size:21px;font-weight:600;color:${INK};font-variant-numeric:tabular-nums}
.scroll{overflow-x:auto}
svg{display:block;width:100%;min-width:720px;height:auto}
.die:hover{stroke:${INK};stroke-width:2px;vector-effect:non-scaling-stroke}
table{border-collapse:collapse;font-size:14px;font-variant-numeric:tabular-nums}
th{font-weight:500;color:${MUTED};text-align:right;vertical-align:bottom;padding:4px 16px 4px 0;border-bottom:1px solid ${LINE}}
td{text-align:right;vertical-align:top;padding:3px 16px 3px 0;white-space:nowrap}
td.l{white-space:normal;overflow-wrap:break-word;min-width:7em}
th.l,td.l{text-align:left}tbody tr:nth-child(even){background:#f7f8f9}
a{color:inherit}
footer{margin-top:24px;padding-top:12px;border-top:1px solid ${LINE};font-size:13px;color:${MUTED}}footer p{margin:2px 0}
@media(max-width:600px){body{padding:0 12px;margin-top:14px}h1{font-size:21px}h2 small{display:block;margin:2px 0 0}table{font-size:13px}}
@media print{@page{size:A4 landscape;margin:10mm}body{margin:0;padding:0;max-width:none}nav{display:none}h2{break-after:avoid}tr{break-inside:avoid}.scroll{overflow:visible}svg{min-width:0;max-height:165mm}table{font-size:11px}tbody tr:nth-child(even){background:none}.wafer{break-inside:avoid;break-before:page}.wafer h2{border:0;margin-top:0;padding-top:0}}
`;
