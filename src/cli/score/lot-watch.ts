import {
  createGroupStatistics,
  type GroupedTest,
  type Unlike,
  unlikeTests,
} from '../../lots/group-statistics.js';
import { claimsOf, createPartCounter, type LotClaim, type PartCounter } from '../../lots/lot-claims.js';
import { siteName } from '../../lots/part-groups.js';
import { StatisticsTable } from '../../lots/test-statistics.js';
import type { Lot, Part } from '../../stdf/stdf.js';

/** What is told of the parts of lots whatever a model says of them. */
export interface LotWatch {
  /** Takes every part, also those that are not scored. */
  add(part: Part, lot: Lot): void;
  finish(): LotSayings;
}

export interface LotSayings {
  /** What the summary records of a file say and its parts do not. */
  claimsOf(lot: Lot): readonly LotClaim[];
  /** Tests whose mean differs between sites, and between testers, by more than chance; empty where not counted. */
  readonly bySite: readonly (GroupedTest & Unlike)[];
  readonly byEquipment: readonly (GroupedTest & Unlike)[];
}

/** @param results whether results are counted, for means and the claims of TSRs; it takes time */
export function createLotWatch({ results: counted }: { readonly results: boolean }): LotWatch {
  const counters = new Map<Lot, PartCounter>();
  const tables = new Map<Lot, StatisticsTable>();
  const sites = createGroupStatistics();
  const equipment = createGroupStatistics();

  return {
    add(part, lot) {
      let counter = counters.get(lot);
      if (counter === undefined) {
        counter = createPartCounter();
        counters.set(lot, counter);
        tables.set(lot, new StatisticsTable());
      }
      counter.add(part);
      if (!counted) return;
      tables.get(lot)?.add(part.results);
      sites.add(part, lot, siteName(part));
      equipment.add(part, lot, lot.mir?.nodeNam.trim() || 'unknown');
    },
    finish: () => ({
      claimsOf(lot) {
        const counter = counters.get(lot) ?? createPartCounter();
        const table = tables.get(lot);
        const resultsOf =
          counted && table !== undefined ? ({ index }: { index: number }) => table.of(index) : undefined;
        return claimsOf(lot, { ...counter, resultsOf });
      },
      bySite: unlikeTests(sites.tests()),
      byEquipment: unlikeTests(equipment.tests()),
    }),
  };
}
