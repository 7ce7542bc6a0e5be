import type { Lot, Part, TestDefinition } from '../stdf/stdf.js';
import { combined, StatisticsTable, type TestStatistics } from './test-statistics.js';
import { testNameOf } from './tests/test-identity.js';

/** The statistics of one test, apart for each group of parts, such as those of one site. */
export interface ByGroup {
  readonly all: TestStatistics;
  /** By the name of the group, those that have a result of it. */
  readonly groups: ReadonlyMap<string, TestStatistics>;
}

export interface GroupedTest extends ByGroup {
  /** As the first lot that has it defines it. */
  readonly test: TestDefinition;
}

/** Gathers statistics of tests by groups of parts, of one lot or several; memory is groups × tests. */
interface GroupStatistics {
  add(part: Part, lot: Lot, group: string): void;
  tests(): readonly GroupedTest[];
}

export function createGroupStatistics(): GroupStatistics {
  const lots = new Map<Lot, Map<string, StatisticsTable>>();
  return {
    add({ results }, lot, group) {
      let ofLot = lots.get(lot);
      if (ofLot === undefined) {
        ofLot = new Map();
        lots.set(lot, ofLot);
      }
      let table = ofLot.get(group);
      if (table === undefined) {
        table = new StatisticsTable();
        ofLot.set(group, table);
      }
      table.add(results);
    },
    tests: () =>
      groupedTests(
        [...lots].flatMap(([lot, tables]) =>
          lot.tests.flatMap((test) =>
            [...tables].map(([group, table]) => ({ test, group, statistics: table.of(test.index) })),
          ),
        ),
      ),
  };
}

/** What one group of parts of one lot says of a test of that lot. */
interface GroupOfTest {
  readonly test: TestDefinition;
  readonly group: string;
  readonly statistics: TestStatistics;
}

/** Tests of several lots are one where number, name, position or pin, and unit are. */
export function groupedTests(all: readonly GroupOfTest[]): readonly GroupedTest[] {
  const found = new Map<string, { test: TestDefinition; groups: Map<string, TestStatistics[]> }>();
  for (const { test, group, statistics } of all) {
    const key = keyOf(test);
    const grouped = found.get(key) ?? { test, groups: new Map<string, TestStatistics[]>() };
    found.set(key, grouped);
    if (statistics.results === 0) continue;
    grouped.groups.set(group, [...(grouped.groups.get(group) ?? []), statistics]);
  }
  return [...found.values()].map(({ test, groups }) => ({
    test,
    all: combined([...groups.values()].flat()),
    groups: new Map([...groups].map(([name, each]) => [name, combined(each)])),
  }));
}

function keyOf({ kind, testNum, testTxt, position, pin, display }: TestDefinition): string {
  return JSON.stringify([kind, testNum, testNameOf(testTxt), position, pin, display.units.trim()]);
}

/** A test whose mean is not the same in all groups. */
export interface Unlike {
  readonly lowest: { readonly group: string; readonly mean: number };
  readonly highest: { readonly group: string; readonly mean: number };
  /** Distance of the two means in standard deviations of all values. */
  readonly apart: number;
}

/** Standard errors beyond which two means of thousands of pairs are not apart by chance. */
const CERTAIN_ERRORS = 4;
const FEWEST_VALUES = 5;

/**
 * Tests whose lowest and highest mean of a group differ by more than chance makes them, those farthest apart
 * first. Groups with fewer than {@link FEWEST_VALUES} values of a test are not compared.
 */
export function unlikeTests<Test extends ByGroup>(tests: readonly Test[]): (Test & Unlike)[] {
  return tests
    .flatMap((grouped): (Test & Unlike)[] => {
      const { all, groups } = grouped;
      const means = [...groups].flatMap(([group, { mean, values }]) =>
        mean === undefined || values < FEWEST_VALUES ? [] : [{ group, mean, values }],
      );
      const [lowest] = means.toSorted((a, b) => a.mean - b.mean);
      const [highest] = means.toSorted((a, b) => b.mean - a.mean);
      const { deviation } = all;
      if (lowest === undefined || highest === undefined || !deviation) return [];
      const apart = (highest.mean - lowest.mean) / deviation;
      const chance =
        CERTAIN_ERRORS * deviationWithin(groups) * Math.sqrt(1 / lowest.values + 1 / highest.values);
      return highest.mean - lowest.mean > chance ? [{ ...grouped, lowest, highest, apart }] : [];
    })
    .sort((a, b) => b.apart - a.apart);
}

/** What the values of one group differ by among themselves, over all groups. */
function deviationWithin(groups: ByGroup['groups']): number {
  let [squares, freedom] = [0, 0];
  for (const { deviation = 0, values } of groups.values()) {
    squares += deviation * deviation * Math.max(0, values - 1);
    freedom += Math.max(0, values - 1);
  }
  return Math.sqrt(squares / Math.max(1, freedom));
}
