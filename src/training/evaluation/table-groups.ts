import { type ByGroup, type Unlike, unlikeTests } from '../../lots/group-statistics.js';
import { createPartGroups, type GroupFigures } from '../../lots/part-groups.js';
import { PLAIN_FORM, type ShownForm, shownNumbers, withUnit } from '../../lots/shown-value.js';
import { combined, type TestStatistics } from '../../lots/test-statistics.js';
import { measuredValues, momentsOf } from '../screen/standardise.js';
import type { DieTable } from '../table/die-table.js';

/** The dies of a table apart by where they were tested. */
export interface TableGroups {
  /** `site` or `equipment`. */
  readonly by: 'site' | 'equipment';
  /** A group counts dies. */
  readonly groups: readonly GroupFigures[];
  /** Parameters whose mean over passing dies differs between the groups by more than chance, farthest first. */
  readonly unlike: readonly (NamedParameter & Unlike)[];
}

interface NamedParameter extends ByGroup {
  readonly name: string;
}

/** By site and by equipment, where the table says them and there are several. */
export function groupsOfTable(table: DieTable): readonly TableGroups[] {
  const columns = [
    ['site', table.sites],
    ['equipment', table.equipment],
  ] as const;
  return columns.flatMap(([by, groupOf]) => {
    if (groupOf === undefined || new Set(groupOf).size < 2) return [];
    const parts = createPartGroups();
    groupOf.forEach((group, row) => {
      const verdict = table.passing[row] === 1 ? 'pass' : 'fail';
      parts.add({ verdict, hardBin: table.hardBins?.[row], softBin: undefined }, named(group));
    });
    return [{ by, groups: parts.figures(), unlike: unlikeTests(parametersBy(table, groupOf)) }];
  });
}

function parametersBy(table: DieTable, groupOf: readonly string[]): NamedParameter[] {
  const rows = new Map<string, number[]>();
  groupOf.forEach((group, row) => {
    if (table.passing[row] !== 1) return;
    const of = rows.get(named(group));
    if (of === undefined) rows.set(named(group), [row]);
    else of.push(row);
  });
  return table.parameters.map((name, p) => {
    const groups = new Map(
      [...rows].map(([group, of]) => [group, statisticsOf(measuredValues(table, of, p))]),
    );
    return { name, groups, all: combined([...groups.values()]) };
  });
}

function statisticsOf(values: Float64Array): TestStatistics {
  const { mean, deviation } = momentsOf(values);
  const [some, two] = [values.length > 0, values.length > 1];
  return {
    ...{ results: values.length, failed: 0, alarms: 0, values: values.length },
    min: some ? values.reduce((a, b) => Math.min(a, b)) : undefined,
    max: some ? values.reduce((a, b) => Math.max(a, b)) : undefined,
    mean: some ? mean : undefined,
    deviation: two ? deviation : undefined,
  };
}

function named(group: string): string {
  return group.trim() === '' ? 'unnamed' : group.trim();
}

const MOST_UNLIKE = 10;

/** Of what {@link unlikeRows} gives. */
export const UNLIKE_TITLES = ['parameter', 'lowest mean', 'at', 'highest mean', 'at', 'apart, in deviations'];

/** The parameters that are farthest apart as cells of a table, in the unit that the tester shows. */
export function unlikeRows(
  { unlike }: Pick<TableGroups, 'unlike'>,
  forms: ReadonlyMap<string, ShownForm>,
): string[][] {
  return unlike.slice(0, MOST_UNLIKE).map(({ name, lowest, highest, apart }) => {
    const form = forms.get(name) ?? PLAIN_FORM;
    const [low = '', high = ''] = shownNumbers([lowest.mean, highest.mean], form);
    return [name, withUnit(low, form), lowest.group, withUnit(high, form), highest.group, apart.toFixed(2)];
  });
}
