import { known, type Lot } from '../stdf/stdf.js';
import type { WaferFigures } from './inspection.js';

/** What a summary record of a file says, where the parts say otherwise. */
export interface LotClaim {
  /** The record and field, such as `PCR PART_CNT` or `WRR PART_CNT of wafer 01`. */
  readonly record: string;
  readonly stated: number;
  readonly found: number;
}

/** HEAD_NUM of a record over all sites. */
const ALL_SITES = 255;

/**
 * Claims of PCR, WRR, HBR, SBR and TSR that contradict the parts. A TSR may count more than the results that are
 * in the file, as testers sample; fewer contradict it.
 * @param results result records of each test, by its index
 */
export function claimsOf(lot: Lot, wafers: readonly WaferFigures[], results: readonly number[]): LotClaim[] {
  const ended = lot.parts.total - lot.parts.notEnded;
  const claims: (LotClaim | undefined)[] = [
    claim('PCR PART_CNT', stated(lot.pcrs.map((pcr) => [pcr.headNum, known(pcr, 'partCnt')])), ended),
    claim(
      'PCR GOOD_CNT',
      stated(lot.pcrs.map((pcr) => [pcr.headNum, known(pcr, 'goodCnt')])),
      lot.parts.passed,
    ),
    ...wafers.map(({ wafer, parts }) =>
      claim(
        `WRR PART_CNT of wafer ${wafer.waferId ?? wafer.index + 1}`,
        wafer.wrr && known(wafer.wrr, 'partCnt'),
        parts,
      ),
    ),
    ...lot.hardBins.map(({ bin, parts, recordCount }) =>
      claim(`HBR HBIN_CNT of bin ${bin}`, recordCount, parts),
    ),
    ...lot.softBins.map(({ bin, parts, recordCount }) =>
      claim(`SBR SBIN_CNT of bin ${bin}`, recordCount, parts),
    ),
    ...tooFew(lot, results),
  ];
  return claims.filter((each) => each !== undefined);
}

function tooFew({ tsrs, tests }: Lot, results: readonly number[]): (LotClaim | undefined)[] {
  const found = new Map<number, number>();
  for (const { testNum, index, position } of tests) {
    // Each position of an MPR has the results of all.
    if ((position ?? 1) === 1) found.set(testNum, (found.get(testNum) ?? 0) + (results[index] ?? 0));
  }
  return [...found].map(([testNum, count]) => {
    const ofTest = tsrs.filter((tsr) => tsr.testNum === testNum);
    const executed = stated(ofTest.map((tsr) => [tsr.headNum, known(tsr, 'execCnt')]));
    return executed === undefined || executed >= count
      ? undefined
      : claim(`TSR EXEC_CNT of test ${testNum}`, executed, count);
  });
}

/** The total over all sites where there is one, else the sum of the sites; undefined where nobody says. */
function stated(
  records: readonly (readonly [head: number, count: number | undefined])[],
): number | undefined {
  const said = records.filter(([, count]) => count !== undefined);
  const totals = said.filter(([head]) => head === ALL_SITES);
  const counted = totals.length > 0 ? totals : said;
  return counted.length === 0 ? undefined : counted.reduce((sum, [, count]) => sum + (count ?? 0), 0);
}

function claim(record: string, count: number | undefined, found: number): LotClaim | undefined {
  return count === undefined || count === found ? undefined : { record, stated: count, found };
}
