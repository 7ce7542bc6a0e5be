/**
 * What each screen catches, side by side: trained on one half of a wafer and judged on the other, both ways. Natural fails,
 * and shifts put into passing dies, at 1% false alarms on the half that is judged; false alarms at the screen's own threshold.
 *
 *   npm run bench:build && node dist/.bench/bench/screens.js lot.stdf.gz 4..24 25..45
 */

import { quantile } from '../src/statistics/quantile.js';
import { readLots } from '../src/training/lots/read-lots.js';
import { selectTests } from '../src/training/lots/select-tests.js';
import { createRandom, type Random } from '../src/training/random.js';
import { SCREEN_KINDS, type Screen, type ScreenKind, scoreDies } from '../src/training/screen/screen.js';
import type { DieTable } from '../src/training/table/die-table.js';
import { trainScreen } from '../src/training/train.js';

const FALSE_ALARM_RATE = 0.0075;
/** At which detection is compared. */
const COMPARED_AT = 0.01;
const INJECTIONS_PER_DIE = 4;

interface Half {
  /** Of tests that can be learnt from. */
  readonly selected: DieTable;
  readonly facts: Parameters<typeof trainScreen>[1]['facts'];
  readonly all: DieTable;
}

interface Row {
  readonly kind: ScreenKind;
  readonly way: string;
  readonly fails: number;
  readonly auc: number;
  readonly ownFalseAlarms: number;
  readonly single: readonly number[];
  readonly correlated: readonly number[];
}

async function half(path: string, range: string): Promise<Half> {
  const [from = 0, to = 0] = range.split('..').map(Number);
  const x = { from, to };
  const { table: selected, exactFacts: facts } = selectTests(await readLots([path], { x }));
  const { table: all } = await readLots([path], { x });
  return { selected, facts, all };
}

/** float32 [dies, parameters] of the dies with this verdict, in the columns of the model. */
function diesOf({ all }: Half, parameters: readonly string[], passing: boolean): Float32Array {
  const columns = parameters.map((name) => all.parameters.indexOf(name));
  const width = all.parameters.length;
  const rows = Array.from({ length: all.dies }, (_, die) => die).filter(
    (die) => (all.passing[die] === 1) === passing,
  );
  return Float32Array.from(
    rows.flatMap((die) =>
      columns.map((p) => (p < 0 ? Number.NaN : (all.values[die * width + p] ?? Number.NaN))),
    ),
  );
}

function columnOf(values: Float32Array, width: number, p: number): Float64Array {
  return Float64Array.from(values.filter((value, i) => i % width === p && !Number.isNaN(value))).sort();
}

/** Robust deviation of each parameter: of the quartiles, or, where these are alike, of the outer percentiles. */
function sigmasOf(values: Float32Array, width: number): number[] {
  return Array.from({ length: width }, (_, p) => {
    const column = columnOf(values, width, p);
    const quartiles = (quantile(column, 0.75) - quantile(column, 0.25)) / 1.349;
    return quartiles > 0 ? quartiles : (quantile(column, 0.99) - quantile(column, 0.01)) / 4.653;
  });
}

/** The four parameters that go most with each, and the sign by which they do: +1 or -1. */
function relatives(values: Float32Array, width: number): { readonly p: number; readonly sign: number }[][] {
  const dies = values.length / width;
  const z = Array.from({ length: width }, (_, p) => {
    const column = columnOf(values, width, p);
    const mean = column.reduce((sum, value) => sum + value, 0) / Math.max(1, column.length);
    const raw = Float64Array.from({ length: dies }, (_unused, die) => {
      const value = values[die * width + p] ?? Number.NaN;
      return Number.isNaN(value) ? 0 : value - mean;
    });
    const length = Math.sqrt(raw.reduce((sum, value) => sum + value * value, 0)) || 1;
    return raw.map((value) => value / length);
  });
  return z.map((own, p) =>
    z
      .map((other, at) => ({ p: at, r: own.reduce((sum, value, die) => sum + value * (other[die] ?? 0), 0) }))
      .filter(({ p: at }) => at !== p)
      .sort((a, b) => Math.abs(b.r) - Math.abs(a.r))
      .slice(0, 4)
      .map(({ p: at, r }) => ({ p: at, sign: Math.sign(r) || 1 })),
  );
}

/** Copies of passing dies with `size` sigma added to one parameter, or also to those that go most with it. */
function injected(
  values: Float32Array,
  width: number,
  size: number,
  companions: ReturnType<typeof relatives> | undefined,
  random: Random,
): Float32Array {
  const sigmas = sigmasOf(values, width);
  const copies: Float32Array[] = [];
  for (let at = 0; at < values.length; at += width) {
    for (let copy = 0; copy < INJECTIONS_PER_DIE; copy++) {
      const row = values.slice(at, at + width);
      const p = random.below(width);
      const direction = random.chance(0.5) ? 1 : -1;
      if (Number.isNaN(row[p] ?? Number.NaN)) continue;
      for (const { p: which, sign } of [{ p, sign: 1 }, ...(companions?.[p] ?? [])])
        row[which] = (row[which] ?? 0) + direction * sign * size * (sigmas[which] ?? 0);
      copies.push(row);
    }
  }
  return Float32Array.from(copies.flatMap((row) => [...row]));
}

function shareAbove(scores: Float64Array, limit: number): number {
  return scores.filter((score) => score > limit).length / scores.length;
}

function areaUnderCurve(passing: Float64Array, failing: Float64Array): number {
  let wins = 0;
  for (const fail of failing) for (const pass of passing) wins += fail > pass ? 1 : fail === pass ? 0.5 : 0;
  return wins / (passing.length * failing.length);
}

function judged(kind: ScreenKind, way: string, learnt: Half, other: Half): Row {
  const { screen } = trainScreen(learnt.selected, {
    falseAlarmRate: FALSE_ALARM_RATE,
    screen: kind,
    facts: learnt.facts,
  });
  return { kind, way, ...figuresOf(screen, learnt.selected.parameters, other) };
}

function figuresOf(screen: Screen, parameters: readonly string[], other: Half) {
  const random = createRandom('injections');
  const width = parameters.length;
  const good = diesOf(other, parameters, true);
  const passing = scoreDies(screen, good);
  const failing = scoreDies(screen, diesOf(other, parameters, false));
  const limit = quantile(passing.toSorted(), 1 - COMPARED_AT);
  const companions = relatives(good, width);
  const caught = (size: number, together?: typeof companions) =>
    shareAbove(scoreDies(screen, injected(good, width, size, together, random)), limit);
  return {
    fails: shareAbove(failing, limit),
    auc: areaUnderCurve(passing, failing),
    ownFalseAlarms: shareAbove(passing, 1),
    single: [3, 4, 6].map((size) => caught(size)),
    correlated: [1.5, 2].map((size) => caught(size, companions)),
  };
}

const percent = (share: number) => `${(100 * share).toFixed(1)}%`;

const [lot, first = '', second = ''] = process.argv.slice(2);
if (lot === undefined) throw new Error('usage: screens.js LOT FROM..TO FROM..TO');
const [left, right] = [await half(lot, first), await half(lot, second)];
process.stdout.write(
  '| screen | trained on → judged | fails at 1% | AUC | false alarms at own threshold | one parameter by 3 / 4 / 6 sigma | five by 1.5 / 2 |\n|---|---|---|---|---|---|---|\n',
);
for (const kind of SCREEN_KINDS) {
  for (const row of [
    judged(kind, `${first} → ${second}`, left, right),
    judged(kind, `${second} → ${first}`, right, left),
  ]) {
    const shifts = [row.single, row.correlated].map((rates) => rates.map(percent).join(' / '));
    process.stdout.write(
      `| ${row.kind} | ${row.way} | ${percent(row.fails)} | ${row.auc.toFixed(3)} | ${percent(row.ownFalseAlarms)} | ${shifts.join(' | ')} |\n`,
    );
  }
}
