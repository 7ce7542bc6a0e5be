import {
  known,
  type Lot,
  type Part,
  type StdfRecord,
  type TestDefinition,
  type Wafer,
} from '../stdf/stdf.js';

/** What a summary record of a file says, where the parts say otherwise. */
export interface LotClaim {
  /** The record and field, such as `PCR PART_CNT` or `WRR PART_CNT of wafer 01`. */
  readonly record: string;
  readonly stated: number;
  readonly found: number;
}

/** What the parts of a lot say. */
interface PartFacts {
  /** By head and site; touchdowns that ended. */
  readonly sites: ReadonlyMap<string, PartCount>;
  readonly wafers: ReadonlyMap<Wafer, PartCount>;
  /** Result records of a test, and those that the tester failed; undefined where they were not counted. */
  readonly resultsOf:
    | ((test: TestDefinition) => { readonly results: number; readonly failed: number })
    | undefined;
}

interface PartCount {
  readonly parts: number;
  readonly passed: number;
}

/** Counts parts as the summary records of their file do. */
export interface PartCounter {
  add(part: Part): void;
  readonly sites: ReadonlyMap<string, PartCount>;
  readonly wafers: ReadonlyMap<Wafer, PartCount>;
}

export function createPartCounter(): PartCounter {
  const sites = new Map<string, { parts: number; passed: number }>();
  const wafers = new Map<Wafer, { parts: number; passed: number }>();
  return {
    add({ end, verdict, headNum, siteNum, wafer }) {
      if (end !== 'ended') return;
      count(sites, `${headNum}/${siteNum}`, verdict === 'pass');
      if (wafer !== undefined) count(wafers, wafer, verdict === 'pass');
    },
    sites,
    wafers,
  };
}

function count<Key>(counts: Map<Key, { parts: number; passed: number }>, key: Key, passed: boolean): void {
  let found = counts.get(key);
  if (found === undefined) {
    found = { parts: 0, passed: 0 };
    counts.set(key, found);
  }
  found.parts++;
  if (passed) found.passed++;
}

/** HEAD_NUM of a record over all sites. */
const ALL_SITES = 255;
const NO_PARTS: PartCount = { parts: 0, passed: 0 };

/**
 * Claims of PCR, WRR, HBR, SBR and TSR that contradict the parts. A TSR may count more than the results that are
 * in the file, as testers sample; fewer contradict it.
 */
export function claimsOf(lot: Lot, { sites, wafers, resultsOf }: PartFacts): LotClaim[] {
  const claims: (LotClaim | undefined)[] = [
    claim('PCR PART_CNT', stated(lot.pcrs.map((pcr) => [pcr.headNum, known(pcr, 'partCnt')])), endedOf(lot)),
    claim(
      'PCR GOOD_CNT',
      stated(lot.pcrs.map((pcr) => [pcr.headNum, known(pcr, 'goodCnt')])),
      lot.parts.passed,
    ),
    ...lot.pcrs.filter(({ headNum }) => headNum !== ALL_SITES).flatMap((pcr) => siteClaims(pcr, sites, lot)),
    ...lot.wafers.flatMap((wafer) => waferClaims(wafer, wafers.get(wafer) ?? NO_PARTS)),
    ...lot.hardBins.map(({ bin, parts, recordCount }) =>
      claim(`HBR HBIN_CNT of bin ${bin}`, recordCount, parts),
    ),
    ...lot.softBins.map(({ bin, parts, recordCount }) =>
      claim(`SBR SBIN_CNT of bin ${bin}`, recordCount, parts),
    ),
    ...(resultsOf === undefined ? [] : tooFew(lot, resultsOf)),
  ];
  return claims.filter((each) => each !== undefined);
}

function endedOf({ parts }: Lot): number {
  return parts.total - parts.notEnded;
}

/** Where there are several sites: the one of a single site says what the total says. */
function siteClaims(
  pcr: StdfRecord<'Pcr'>,
  sites: PartFacts['sites'],
  { pcrs }: Lot,
): (LotClaim | undefined)[] {
  if (pcrs.filter(({ headNum }) => headNum !== ALL_SITES).length < 2) return [];
  const site = `${pcr.headNum}/${pcr.siteNum}`;
  const { parts, passed } = sites.get(site) ?? NO_PARTS;
  return [
    claim(`PCR PART_CNT of site ${site}`, known(pcr, 'partCnt'), parts),
    claim(`PCR GOOD_CNT of site ${site}`, known(pcr, 'goodCnt'), passed),
  ];
}

function waferClaims(
  { wrrs, waferId, index }: Wafer,
  { parts, passed }: PartCount,
): (LotClaim | undefined)[] {
  const wafer = waferId ?? index + 1;
  return [
    claim(`WRR PART_CNT of wafer ${wafer}`, ofPasses(wrrs, 'partCnt', parts), parts),
    claim(`WRR GOOD_CNT of wafer ${wafer}`, ofPasses(wrrs, 'goodCnt', passed), passed),
  ];
}

/** The WRR of a wafer that was opened again may count all of it or its own pass only: both are right. */
function ofPasses(
  wrrs: readonly StdfRecord<'Wrr'>[],
  field: 'partCnt' | 'goodCnt',
  found: number,
): number | undefined {
  const counts = wrrs.map((wrr) => known(wrr, field)).filter((count) => count !== undefined);
  return counts.at(-1) === found || counts.length === 0
    ? counts.at(-1)
    : counts.reduce((sum, count) => sum + count, 0);
}

function tooFew(
  { tsrs, tests }: Lot,
  resultsOf: NonNullable<PartFacts['resultsOf']>,
): (LotClaim | undefined)[] {
  const found = new Map<number, { results: number; failed: number }>();
  for (const test of tests) {
    // Each position of an MPR has the results of all.
    if ((test.position ?? 1) !== 1) continue;
    const { results, failed } = found.get(test.testNum) ?? { results: 0, failed: 0 };
    const more = resultsOf(test);
    found.set(test.testNum, { results: results + more.results, failed: failed + more.failed });
  }
  return [...found].flatMap(([testNum, { results, failed }]) => {
    const ofTest = tsrs.filter((tsr) => tsr.testNum === testNum);
    const executed = stated(ofTest.map((tsr) => [tsr.headNum, known(tsr, 'execCnt')]));
    const failing = stated(ofTest.map((tsr) => [tsr.headNum, known(tsr, 'failCnt')]));
    return [
      executed !== undefined && executed < results
        ? claim(`TSR EXEC_CNT of test ${testNum}`, executed, results)
        : undefined,
      failing !== undefined && failing < failed
        ? claim(`TSR FAIL_CNT of test ${testNum}`, failing, failed)
        : undefined,
    ];
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

/** `PCR PART_CNT says 100, the parts say 64`. */
export function claimText(
  { record, stated: said, found }: LotClaim,
  countText: (count: number) => string,
): string {
  return `${record} says ${countText(said)}, the parts say ${countText(found)}`;
}
