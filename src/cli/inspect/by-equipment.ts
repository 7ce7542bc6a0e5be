import { type GroupedTest, groupedTests, type Unlike, unlikeTests } from '../../lots/group-statistics.js';
import type { GroupFigures } from '../../lots/part-groups.js';
import { groupAsJson, type InspectedLot, statisticsAsJson } from './inspected-lot.js';

/** The lots of a file by the tester that tested them. */
export interface ByEquipment {
  readonly testers: readonly GroupFigures[];
  readonly tests: readonly GroupedTest[];
}

export function byEquipment(lots: readonly InspectedLot[]): ByEquipment {
  const testers = new Map<string, GroupFigures>();
  for (const { lot, inspection } of lots) {
    const group = testerOf(lot.mir?.nodeNam);
    for (const site of inspection.sites) {
      const before = testers.get(group);
      testers.set(group, before === undefined ? { ...site, group } : sumOf(before, site));
    }
  }
  const tests = lots.flatMap(({ lot, inspection }) =>
    inspection.tests.map(({ test, statistics }) => ({
      ...{ test, statistics },
      group: testerOf(lot.mir?.nodeNam),
    })),
  );
  return { testers: [...testers.values()], tests: groupedTests(tests) };
}

function testerOf(nodeNam: string | undefined): string {
  const name = nodeNam?.trim() ?? '';
  return name === '' ? 'unnamed' : name;
}

function sumOf(a: GroupFigures, b: GroupFigures): GroupFigures {
  return {
    group: a.group,
    touchdowns: a.touchdowns + b.touchdowns,
    passed: a.passed + b.passed,
    failed: a.failed + b.failed,
    hardBins: sumOfBins(a.hardBins, b.hardBins),
    softBins: sumOfBins(a.softBins, b.softBins),
  };
}

function sumOfBins(a: ReadonlyMap<number, number>, b: ReadonlyMap<number, number>) {
  const sum = new Map(a);
  for (const [bin, touchdowns] of b) sum.set(bin, (sum.get(bin) ?? 0) + touchdowns);
  return sum;
}

/** Means are apart for each tester where there are several; of one the lots say all. */
export function equipmentAsJson({ testers, tests }: ByEquipment) {
  return testers.map(({ group, ...figures }) => ({
    equipment: group,
    ...groupAsJson(figures),
    ...(testers.length > 1 && {
      tests: tests.flatMap(({ test, groups }) => {
        const statistics = groups.get(group);
        const { testNum: number, testTxt: name, position, pin, display } = test;
        return statistics === undefined
          ? []
          : [{ number, name, position, pin, units: display.units, ...statisticsAsJson(statistics) }];
      }),
    }),
  }));
}

export function unlikeByEquipment({ tests }: ByEquipment): readonly (GroupedTest & Unlike)[] {
  return unlikeTests(tests);
}
