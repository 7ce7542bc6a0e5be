import { INK, LINE, MUTED } from './palette.js';
import { waferSvg } from './svg.js';
import { type MapTally, tallyOf } from './tally.js';
import { countText, escaped, printable, shareText, waferTitle } from './text.js';
import { TIP_NOTES, type TipDetail, tipDetailFor } from './tip.js';
import type { WaferMap } from './wafer-map.js';

/** What the report says besides its maps. Plain text: it is escaped here. */
export interface ReportSummary {
  /** Label and value, such as `['model', 'die-defect/1']`. */
  readonly facts: readonly (readonly [label: string, value: string])[];
  /** What the reader has to know of the data, one sentence each. */
  readonly notes: readonly string[];
}

export interface HtmlReportOptions {
  readonly title: string;
  readonly wafers: readonly WaferMap[];
  readonly summary: ReportSummary;
}

/** A whole HTML page: no script, nothing fetched, each wafer's maps on a page of their own in print. */
export function htmlReport({ title, wafers, summary }: HtmlReportOptions): string {
  const detail = tipDetailFor(wafers.reduce((sum, { dies }) => sum + dies.length, 0));
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${text(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<header>
<h1>${text(title)}</h1>
<dl>${summary.facts.map(([label, value]) => `<div><dt>${text(label)}</dt><dd>${text(value)}</dd></div>`).join('')}</dl>
</header>
${wafers.length > 1 ? overview(wafers) : ''}
${wafers.map((wafer, i) => section(wafer, i, detail)).join('\n')}
<footer>${[...summary.notes, TIP_NOTES[detail]].map((note) => `<p>${text(note)}</p>`).join('')}</footer>
</body>
</html>
`;
}

function text(value: string): string {
  return escaped(printable(value));
}

function section(map: WaferMap, index: number, detail: TipDetail): string {
  const tally = tallyOf(map.dies);
  const flat = map.flat === undefined ? '' : ` \u00b7 flat or notch ${map.flat}`;
  const axes = `x grows ${map.xGrowsLeft ? 'left' : 'right'}, y grows ${map.yGrowsUp ? 'up' : 'down'}`;
  return `<section id="wafer-${index + 1}">
<h2>${escaped(waferTitle(map))} <small>${axes}${flat}</small></h2>
<ul class="figures">${figures(tally).map(figure).join('')}</ul>
${map.dies.length === 0 ? '<p>No die of this wafer has coordinates.</p>' : waferSvg(map, detail)}
</section>`;
}

interface Figure {
  readonly value: string;
  readonly label: string;
}

function figures({ dies, scored, ...tally }: MapTally): Figure[] {
  const of = (part: number, whole: number) =>
    whole === 0 ? '\u2013' : `${countText(part)} of ${countText(whole)}`;
  return [
    { value: countText(dies), label: 'dies' },
    { value: countText(scored), label: 'scored' },
    { value: shareText(tally.testerYield), label: "tester's yield" },
    { value: shareText(tally.modelYield), label: "model's yield of the scored" },
    { value: of(tally.caught, tally.testerFailed), label: "of the tester's fails, scored: caught" },
    { value: of(tally.flagged, tally.testerPassed), label: "of the tester's passes, scored: flagged" },
  ];
}

function figure({ value, label }: Figure): string {
  return `<li><b>${value}</b> ${label}</li>`;
}

function overview(wafers: readonly WaferMap[]): string {
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
    const name = `<td><a href="#wafer-${i + 1}">${escaped(waferTitle(map))}</a></td>`;
    return `<tr>${name}${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`;
  });
  return `<table><thead><tr><th>wafer</th><th>dies</th><th>scored</th><th>tester's yield</th><th>model's yield</th><th>caught</th><th>flagged</th></tr></thead>
<tbody>${rows.join('\n')}</tbody></table>`;
}

const STYLE = `
body{font-family:system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;color:${INK};background:#fff;max-width:1160px;margin:28px auto 40px;padding:0 24px;line-height:1.4}
h1{font-size:26px;font-weight:650;margin:0 0 12px;overflow-wrap:anywhere}
h2{font-size:20px;font-weight:600;margin:30px 0 10px;padding-top:18px;border-top:1px solid ${LINE};overflow-wrap:anywhere}
h2 small{font-size:14px;font-weight:400;color:${MUTED};margin-left:10px}
dl{display:flex;flex-wrap:wrap;gap:6px 28px;margin:0}
dt{font-size:12px;color:${MUTED}}dd{margin:0;font-size:15px;overflow-wrap:anywhere}
.figures{display:flex;flex-wrap:wrap;gap:8px 30px;list-style:none;margin:0 0 6px;padding:0;font-size:13px;color:${MUTED}}
.figures b{display:block;font-size:21px;font-weight:600;color:${INK};font-variant-numeric:tabular-nums}
svg{display:block;width:100%;height:auto}
.die:hover{stroke:${INK};stroke-width:2px;vector-effect:non-scaling-stroke}
table{border-collapse:collapse;margin-top:20px;font-size:14px;font-variant-numeric:tabular-nums}
th{font-weight:500;color:${MUTED};text-align:right;padding:4px 14px 4px 0;border-bottom:1px solid ${LINE}}
td{text-align:right;padding:4px 14px 4px 0}th:first-child,td:first-child{text-align:left}
a{color:inherit}
footer{margin-top:24px;padding-top:12px;border-top:1px solid ${LINE};font-size:13px;color:${MUTED}}footer p{margin:2px 0}
@media print{@page{size:A4 landscape;margin:10mm}section{break-inside:avoid}section+section{break-before:page}}
`;
