import { Fault } from '../../errors.js';
import type { ShownForm } from '../../lots/shown-value.js';
import { withLabel } from '../evaluation/split.js';
import { fitStandardisation, measuredValues } from '../screen/standardise.js';
import type { DieTable } from '../table/die-table.js';
import type { ParameterFacts } from '../table/parameter-table.js';
import { functionalOf, requirePassingDies } from '../train.js';
import {
  describeTestsLeftOut,
  describeTouchdowns,
  type LotAccount,
  type ReasonForTest,
} from './lot-account.js';
import { type LotTest, sitePattern } from './lot-tests.js';
import type { LotDies } from './read-lots.js';

/** What a model can learn from. */
interface SelectedLots {
  /** Only parameters that carry weight on the passing dies. */
  readonly table: DieTable;
  /** By parameter name, for the manifest. */
  readonly facts: ReadonlyMap<string, ParameterFacts>;
  /** By parameter name, with limits exactly as float32 values are compared with them. */
  readonly exactFacts: ReadonlyMap<string, ParameterFacts>;
  /** By parameter name: how its numbers are shown. */
  readonly forms: ReadonlyMap<string, ShownForm>;
  readonly account: LotAccount;
}

/**
 * Leaves out the tests that no model can learn from: measured on too few passing dies, always the
 * same, or not to be told apart by their number. Throws a Fault where nothing is left, saying why.
 */
export function selectTests({ table, tests, account }: LotDies): SelectedLots {
  if (table.parameters.length === 0) {
    throw new Fault('invalid_data', [
      'no parametric test (PTR or MPR) in the lot: nothing to learn',
      ...describeTouchdowns(account),
    ]);
  }
  requirePassingDies(table, describeTouchdowns(account));
  const rows = Array.from({ length: table.dies }, (_, row) => row);
  const passing = withLabel(table, rows, 'pass');
  const functional = functionalOf(byName(tests, ({ facts }) => facts));
  const { use } = fitStandardisation(table, passing, functional);
  const reasons = tests.map(({ unreadable }, p): ReasonForTest | undefined => {
    if (unreadable !== undefined) return unreadable;
    return use[p] === 'sparse' ? 'few_results' : use[p] === 'constant' ? 'no_variance' : undefined;
  });
  const testsLeftOut = tests.flatMap(({ testNumber, facts }, p) => {
    const reason = reasons[p];
    const results = measuredValues(table, passing, p).length;
    return reason === undefined ? [] : [{ testNumber, name: facts.name, reason, results }];
  });
  const kept = tests.flatMap((_, p) => (reasons[p] === undefined ? [p] : []));
  const complete = { ...account, testsLeftOut, stripName: stripNameFor(tests, reasons) };
  if (kept.length === 0) {
    throw new Fault('invalid_data', [
      `none of the ${tests.length} tests can be learnt from`,
      ...listed(describeTestsLeftOut(complete)),
      ...describeTouchdowns(complete),
    ]);
  }
  const keptTests = kept.map((p) => tests[p]);
  return {
    table: takeParameters(table, kept),
    facts: byName(keptTests, ({ facts }) => facts),
    exactFacts: byName(keptTests, ({ exact }) => exact),
    forms: byName(keptTests, ({ form }) => form),
    account: complete,
  };
}

const MOST_LISTED = 20;

function listed(lines: readonly string[]): string[] {
  const more = lines.length - MOST_LISTED;
  return [...lines.slice(0, MOST_LISTED), ...(more > 0 ? [`and ${more} tests more`] : [])];
}

/** What takes the site out of the names that have it; undefined where none has, or they differ otherwise too. */
function stripNameFor(
  tests: readonly LotTest[],
  reasons: readonly (ReasonForTest | undefined)[],
): string | undefined {
  const named = new Map<number, string[]>();
  tests.forEach(({ testNumber, facts }, p) => {
    if (reasons[p] !== 'site_in_name') return;
    named.set(testNumber, [...(named.get(testNumber) ?? []), facts.testName ?? '']);
  });
  return [...named.values()].map(sitePattern).find((pattern) => pattern !== undefined);
}

function byName<Picked>(tests: readonly LotTest[], pick: (test: LotTest) => Picked): Map<string, Picked> {
  return new Map(tests.map((test) => [test.facts.name, pick(test)]));
}

/** In the memory of the table that is given, which is not to be used any more: a copy would take as much again. */
function takeParameters(table: DieTable, kept: readonly number[]): DieTable {
  const width = table.parameters.length;
  // Ascending, so that no value is written over one that is still to be read.
  const values = table.values.subarray(0, table.dies * kept.length);
  for (let row = 0; row < table.dies; row++) {
    kept.forEach((p, i) => {
      values[row * kept.length + i] = table.values[row * width + p];
    });
  }
  return { ...table, parameters: kept.map((p) => table.parameters[p]), values };
}
