import { UNSCORABLE, WHY_UNSCORABLE } from '../lots/unscorable.js';
import type { LotReplay, ReplayState } from '../replay/replay-lot.js';
import type { Tally } from '../replay/tally.js';
import { describeReport } from '../stdf/stdf.js';
import type { ReportSummary } from '../wafermap/html-report.js';
import { printable } from '../wafermap/text.js';
import { percent } from './output.js';

/** The line that shows how far a replay is. */
export function describeProgress(state: ReplayState): string {
  const { partsRead, answered, failed, unanswered, retries, elapsedMs } = state;
  const rate = elapsedMs > 0 ? Math.round((answered * 1000) / elapsedMs) : 0;
  const fails = answered > 0 ? ` (${percent(failed / answered)} fail)` : '';
  const rest = unanswered > 0 ? `, ${unanswered} without an answer` : '';
  return `${partsRead} parts read, ${answered} dies answered${fails}${rest}, ${retries} retries, ${rate} dies/s`;
}

/** What `replay` prints for machines; times in milliseconds, rates in dies a second. */
export function replayAsJson(replay: LotReplay) {
  const { file, target, lots, report, balance, tally, elapsedMs } = replay;
  const [lot, ...others] = lots;
  const { unposted, outcomes } = balance;
  return {
    file,
    lot_id: lot?.mir?.lotId,
    ...(others.length > 0 && { lot_ids: lots.map(({ mir }) => mir?.lotId ?? null) }),
    wafer_ids: lots.flatMap(({ wafers }) => wafers.map(({ waferId }) => waferId ?? null)),
    tests_converted: replay.converted.map(({ model, lot: found, factor }) => ({
      test: model.testNumber,
      name: model.testName,
      from: found.unit,
      to: model.unit,
      factor,
    })),
    model_name: target.name,
    model_version: target.version,
    threshold: target.threshold,
    parts: balance.parts,
    not_posted: unposted,
    posted: balance.posted,
    ...outcomes,
    reconciled: balance.reconciled,
    ending: replay.ending,
    failed: failsOf(tally),
    fail_rate: shareOf(failsOf(tally), outcomes.answered),
    disagreement: { dies: disagreementsOf(tally), compared: comparedOf(tally), table: tally.table },
    answered_by: tally.byVersion,
    retries: tally.retries,
    unanswered_by_cause: tally.unansweredByCause,
    unanswered: tally.unanswered.map(({ dieId, ...rest }) => ({ die_id: dieId, ...rest })),
    latency_ms: tally.latencyMs ?? null,
    elapsed_ms: elapsedMs,
    dies_per_second: elapsedMs > 0 ? (outcomes.answered * 1000) / elapsedMs : null,
    tests_never_measured: replay.neverMeasured.map(({ testNumber, name }) => ({ test: testNumber, name })),
    damage: report.damage,
  };
}

/** What `replay` prints for people, but for the wafers. */
export function describeReplay(replay: LotReplay): string {
  const { file, target, ending } = replay;
  const lines = [
    `${file}: ${titleOf(replay)}`,
    `  asked      ${target.name} version ${target.version}, threshold ${significant(target.threshold)}`,
    ...(ending === 'interrupted' ? ['  interrupted: this is what was done until then'] : []),
    ...balanceLines(replay),
    ...timeLines(replay),
    ...resultLines(replay),
    ...convertedLines(replay),
    ...neverMeasuredLines(replay),
    ...describeReport(replay.report).map((line) => `  file: ${line}`),
  ];
  // Names out of the file and details out of the answers are others' text.
  return `${lines.map(printable).join('\n')}\n`;
}

/** The lot and its wafers, by name. */
export function titleOf({ lots }: LotReplay): string {
  return lots
    .map((lot) => {
      const wafers = lot.wafers.map(({ waferId }) => waferId ?? 'without id').join(', ');
      return `lot ${lot.mir?.lotId ?? 'unknown'}${wafers === '' ? '' : `, wafer ${wafers}`}`;
    })
    .join('; ');
}

/** What the report says besides its maps. */
export function reportSummary(replay: LotReplay): ReportSummary {
  const { file, target, balance, tally, report, ending } = replay;
  const { answered } = balance.outcomes;
  return {
    facts: [
      ['file', file],
      ['model', `${target.name}/${target.version}`],
      ['parts', String(balance.parts)],
      ['posted', String(balance.posted)],
      ['answered', String(answered)],
      ['fail rate', share(failsOf(tally), answered)],
      ["disagreement with the file's bins", share(disagreementsOf(tally), comparedOf(tally))],
    ],
    notes: [
      ...(ending === 'interrupted' ? ['The replay was interrupted: only a part of the lot is shown.'] : []),
      ...(balance.posted > answered ? [`${balance.posted - answered} posted dies got no answer.`] : []),
      ...describeReport(report),
    ],
  };
}

function balanceLines({ balance, tally }: LotReplay): string[] {
  const { parts, unposted, posted, outcomes, open, reconciled } = balance;
  const aside = UNSCORABLE.filter((why) => unposted[why] > 0);
  const skipped = aside.reduce((sum, why) => sum + unposted[why], 0);
  const settled = [
    [outcomes.answered, 'answered'],
    [outcomes.refused, 'refused'],
    [outcomes.given_up, 'given up'],
    [outcomes.interrupted, 'interrupted'],
  ] as const;
  const listed = tally.unanswered.map(
    ({ dieId, outcome, cause, detail }) => `    ${dieId}: ${outcome.replace('_', ' ')}, ${cause}: ${detail}`,
  );
  const more = posted - open - outcomes.answered - listed.length;
  return [
    `  parts      ${parts} = ${posted} posted${sumOf([[skipped, 'not posted']])}`,
    ...aside.map((why) => `    ${unposted[why]} not posted: ${WHY_UNSCORABLE[why]}`),
    `  posted     ${posted} = ${outcomes.answered} answered${sumOf(settled.slice(1))}`,
    reconciled
      ? '  the counts reconcile: every part once, every posted die settled once'
      : `  THE COUNTS DO NOT RECONCILE: ${open} dies open`,
    ...listed,
    ...(more > 0 ? [`    and ${more} more without an answer`] : []),
  ];
}

/** The terms of a sum that are not zero. */
function sumOf(terms: readonly (readonly [number, string])[]): string {
  return terms.map(([count, what]) => (count === 0 ? '' : ` + ${count} ${what}`)).join('');
}

function timeLines({ tally, balance, elapsedMs }: LotReplay): string[] {
  const { latencyMs } = tally;
  const retries = Object.entries(tally.retries).sort(([, a], [, b]) => b - a);
  const total = retries.reduce((sum, [, count]) => sum + count, 0);
  const causes = retries.map(([cause, count]) => `${count} × ${cause}`).join(', ');
  const rate = elapsedMs > 0 ? (balance.outcomes.answered * 1000) / elapsedMs : 0;
  return [
    ...(latencyMs === undefined
      ? []
      : [
          `  latency    p50 ${ms(latencyMs.p50)}, p90 ${ms(latencyMs.p90)}, p99 ${ms(latencyMs.p99)}, max ${ms(latencyMs.max)} (of the answers)`,
        ]),
    `  throughput ${rate.toFixed(1)} dies a second, ${(elapsedMs / 1000).toFixed(1)} s`,
    `  retries    ${total}${total === 0 ? '' : `: ${causes}`}`,
  ];
}

function resultLines({ tally, balance }: LotReplay): string[] {
  const { answered } = balance.outcomes;
  if (answered === 0) return [];
  const { table } = tally;
  const fails = failsOf(tally);
  const [disagreements, compared] = [disagreementsOf(tally), comparedOf(tally)];
  const versions = Object.entries(tally.byVersion);
  const none = table.pass.none + table.fail.none > 0;
  const row = (name: string, of: Tally['table']['pass']) =>
    `    ${name}${cell(of.pass)}${cell(of.fail)}${none ? cell(of.none) : ''}`;
  return [
    ...(versions.length > 1
      ? [`  answered by ${versions.map(([version, count]) => `${version}: ${count}`).join(', ')}`]
      : []),
    `  fail rate  ${percent(fails / answered)} (${fails} of ${answered})`,
    `  disagreement with the file's bins: ${share(disagreements, compared)}`,
    `    model \\ file  ${cell('pass')}${cell('fail')}${none ? cell('none') : ''}`,
    row('pass          ', table.pass),
    row('fail          ', table.fail),
  ];
}

function convertedLines({ converted }: LotReplay): string[] {
  const pairs = new Map<string, number>();
  for (const { model, lot } of converted) {
    const pair = `${lot.unit} to ${model.unit}`;
    pairs.set(pair, (pairs.get(pair) ?? 0) + 1);
  }
  return [...pairs].map(([pair, tests]) => `  converted  ${tests} tests from ${pair}, the model's unit`);
}

function neverMeasuredLines({ neverMeasured }: LotReplay): string[] {
  if (neverMeasured.length === 0) return [];
  const shown = neverMeasured.slice(0, 8).map(({ testNumber, name }) => `${testNumber} (${name})`);
  const more = neverMeasured.length > shown.length ? ', ...' : '';
  return [
    `  tests of the model without a usable value in the lot: ${neverMeasured.length}: ${shown.join(', ')}${more}`,
  ];
}

function failsOf({ table: { fail } }: Tally): number {
  return fail.pass + fail.fail + fail.none;
}

function disagreementsOf({ table: { pass, fail } }: Tally): number {
  return pass.fail + fail.pass;
}

/** Answered dies that the file gives a verdict. */
function comparedOf({ table: { pass, fail } }: Tally): number {
  return pass.pass + pass.fail + fail.pass + fail.fail;
}

function shareOf(count: number, of: number): number | null {
  return of === 0 ? null : count / of;
}

function share(count: number, of: number): string {
  return of === 0 ? 'unknown' : `${percent(count / of)} (${count} of ${of})`;
}

function cell(content: string | number): string {
  return String(content).padStart(8);
}

function ms(value: number): string {
  return `${value < 100 ? value.toFixed(1) : Math.round(value)} ms`;
}

function significant(value: number): string {
  return String(Number(value.toPrecision(6)));
}
