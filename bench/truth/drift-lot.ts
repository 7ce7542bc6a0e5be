import type { Reference } from '../../src/models/manifest/reference.js';
import { referenceOf } from '../../src/training/evaluation/reference.js';
import { readLots } from '../../src/training/lots/read-lots.js';
import { selectTests } from '../../src/training/lots/select-tests.js';
import { createRandom } from '../../src/training/random.js';
import { type DieTable, takeDies } from '../../src/training/table/die-table.js';
import { runFloor } from './drift-floor.js';

const STEP_DIES = 60;
const STEPS = 15;

/** Shares of runs in which something began to drift, and what was said at the end of the last. */
export interface LotRates {
  readonly name: string;
  readonly product: number;
  readonly equipment: number;
  readonly verdict: string;
}

/**
 * A real lot against references of its own dies: testers measure it again and again in the order of the file, each
 * from a place of its own. On itself, and each half in time against the other; once more as if nobody knew that it is
 * one wafer.
 */
export async function runLot(path: string, runs: number): Promise<LotRates[]> {
  const { table } = selectTests(await readLots([path]));
  const all = Array.from({ length: table.dies }, (_, row) => row);
  const middle = Math.floor(table.dies / 2);
  const [first, second] = [all.slice(0, middle), all.slice(middle)];
  const cases = [
    { name: 'on itself', reference: all, shown: all },
    { name: 'second half against the first', reference: first, shown: second },
    { name: 'first half against the second', reference: second, shown: first },
  ];
  return cases.flatMap(({ name, reference, shown }) =>
    [1, 4].flatMap((testers) => {
      const known = referenceOfRows(table, reference);
      const { wafers: _, ...unknown } = known;
      const title = `${name}, ${testers} tester${testers === 1 ? '' : 's'}`;
      return [
        runOften(title, known, table, shown, testers, runs),
        runOften(`${title}, wafers not named`, unknown, table, shown, testers, runs),
      ];
    }),
  );
}

function runOften(
  name: string,
  reference: Reference,
  table: DieTable,
  shown: readonly number[],
  testers: number,
  runs: number,
): LotRates {
  const random = createRandom(`truth/lot/${name}`);
  const counts = { product: 0, equipment: 0 };
  let verdict = '';
  for (let run = 0; run < runs; run++) {
    const at = Array.from({ length: testers + 1 }, () => random.below(shown.length));
    const found = runFloor({
      reference,
      testers,
      steps: STEPS,
      wafer: (tester, step) => {
        const from = (at[tester] ?? 0) + step * STEP_DIES;
        const rows = Array.from({ length: STEP_DIES }, (_, i) => shown[(from + i) % shown.length] ?? 0);
        return { params: takeDies(table, rows), fails: rows.map((row) => table.passing[row] === 0) };
      },
    });
    if (found.started.some(({ equipment }) => equipment === undefined)) counts.product++;
    if (found.started.some(({ equipment }) => equipment !== undefined)) counts.equipment++;
    verdict = found.verdict;
  }
  return { name, product: counts.product / runs, equipment: counts.equipment / runs, verdict };
}

function referenceOfRows(table: DieTable, rows: readonly number[]): Reference {
  const passing = rows.flatMap((row, i) => (table.passing[row] === 1 ? [i] : []));
  const scores = Float64Array.from(rows, (row) => (table.passing[row] === 1 ? 0.5 : 2));
  return referenceOf({
    table: {
      ...table,
      dies: rows.length,
      values: takeDies(table, rows),
      passing: Uint8Array.from(rows, (row) => table.passing[row] ?? 0),
      lots: undefined,
      wafers: table.wafers && rows.map((row) => table.wafers?.[row] ?? ''),
    },
    passing,
    scores,
    passingScores: scores.filter((score) => score < 1),
  });
}

/** What drift makes of a real lot: a table of docs/statistics.md. `npm run truth -- lot 300 lot2.stdf.gz` */
export async function lotTruth(runs: number, file: string | undefined): Promise<string> {
  if (file === undefined) return 'no lot: expected its file after the number of runs';
  const percent = (share: number) => `${Number((100 * share).toPrecision(3))}%`;
  return [
    '### A real lot of one wafer against itself',
    '',
    '| lot2 | product starts | equipment starts | verdict of the last run |',
    '|---|---|---|---|',
    ...(await runLot(file, runs)).map(
      ({ name, product, equipment, verdict }) =>
        `| ${name} | ${percent(product)} | ${percent(equipment)} | ${verdict} |`,
    ),
  ].join('\n');
}
