import type { Part } from '../stdf/stdf.js';

/** What became of the touchdowns of one group: of a site, or of a tester. */
export interface GroupFigures {
  readonly group: string;
  readonly touchdowns: number;
  readonly passed: number;
  readonly failed: number;
  /** Touchdowns in each bin. */
  readonly hardBins: ReadonlyMap<number, number>;
  readonly softBins: ReadonlyMap<number, number>;
}

/** Where a part was tested: head and site; site numbers restart on each head. */
export function siteName({ headNum, siteNum }: Pick<Part, 'headNum' | 'siteNum'>): string {
  return `${headNum}/${siteNum}`;
}

/** Counts the parts of groups. */
interface PartGroups {
  add(part: Pick<Part, 'verdict' | 'hardBin' | 'softBin'>, group: string): void;
  /** In the natural order of their names: site 2 before site 10. */
  figures(): readonly GroupFigures[];
}

interface OpenFigures {
  readonly group: string;
  touchdowns: number;
  passed: number;
  failed: number;
  readonly hardBins: Map<number, number>;
  readonly softBins: Map<number, number>;
}

export function createPartGroups(): PartGroups {
  const groups = new Map<string, OpenFigures>();
  return {
    add({ verdict, hardBin, softBin }, group) {
      let figures = groups.get(group);
      if (figures === undefined) {
        figures = { group, touchdowns: 0, passed: 0, failed: 0, hardBins: new Map(), softBins: new Map() };
        groups.set(group, figures);
      }
      figures.touchdowns++;
      if (verdict === 'pass') figures.passed++;
      if (verdict === 'fail') figures.failed++;
      count(figures.hardBins, hardBin);
      count(figures.softBins, softBin);
    },
    figures() {
      const natural = new Intl.Collator('en', { numeric: true });
      return [...groups.values()].sort((a, b) => natural.compare(a.group, b.group));
    },
  };
}

function count(bins: Map<number, number>, bin: number | undefined): void {
  if (bin !== undefined) bins.set(bin, (bins.get(bin) ?? 0) + 1);
}

/** Share of the judged touchdowns that passed; undefined where none was judged. */
export function yieldOfGroup({
  passed,
  failed,
}: Pick<GroupFigures, 'passed' | 'failed'>): number | undefined {
  return passed + failed === 0 ? undefined : passed / (passed + failed);
}

/** `1: 1,204, 5: 17`: bins in ascending order, with their touchdowns. */
export function binsText(bins: ReadonlyMap<number, number>, countText: (count: number) => string): string {
  return [...bins]
    .sort(([a], [b]) => a - b)
    .map(([bin, touchdowns]) => `${bin}: ${countText(touchdowns)}`)
    .join(', ');
}
