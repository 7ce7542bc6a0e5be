import type { Inspection, YieldFigures } from '../../lots/inspection.js';
import type { LimitChanges } from '../../lots/limit-watch.js';
import { type GroupFigures, yieldOfGroup } from '../../lots/part-groups.js';
import { shownFormOf } from '../../lots/shown-value.js';
import type { TestStatistics } from '../../lots/test-statistics.js';
import { testerTime } from '../../lots/tester-time.js';
import { known, type Lot, type ReadReport, type TestDefinition } from '../../stdf/stdf.js';

/** A lot file, inspected. */
export interface InspectedLot {
  readonly file: string;
  readonly lot: Lot;
  readonly inspection: Inspection;
  readonly report: ReadReport;
}

/** What `inspect` prints for machines: everything, null where the file does not say. */
export function inspectedAsJson({ file, lot, inspection, report }: InspectedLot) {
  const { total, wafers, retests, hardBins, softBins, tests } = inspection;
  return {
    file,
    lot: identityOf(lot),
    parts: { ...lot.parts, ...yieldsOf(total) },
    wafers: wafers.map(({ wafer, ...figures }) => ({
      wafer: wafer.waferId ?? null,
      ended: wafer.wrr !== undefined,
      ...figures,
      ...yieldsOf(figures),
      statedParts: countOr(wafer.wrr && known(wafer.wrr, 'partCnt')),
      statedGood: countOr(wafer.wrr && known(wafer.wrr, 'goodCnt')),
    })),
    sites: inspection.sites.map(({ group, ...figures }) => {
      const [head, site] = group.split('/').map(Number);
      return { head, site, ...groupAsJson(figures) };
    }),
    hardware: hardwareOf(lot),
    claims: inspection.claims,
    retests,
    /** How dies are told apart. */
    diesKnownBy: inspection.naming,
    hardBins: hardBins.map(binOf),
    softBins: softBins.map(binOf),
    tests: tests.map(({ test, statistics, sites, limitChanges }) => ({
      number: test.testNum,
      name: test.testTxt,
      kind: test.kind,
      ...(test.position !== undefined && { position: test.position, pin: test.pin ?? null }),
      /** The base unit, in which all numbers here are. */
      units: test.display.units,
      display: displayOf(test),
      lowLimit: test.limits.lo ?? null,
      highLimit: test.limits.hi ?? null,
      lowSpec: test.limits.loSpec ?? null,
      highSpec: test.limits.hiSpec ?? null,
      ...(limitChanges !== undefined && { limitChanges: limitChangesOf(limitChanges) }),
      ...statisticsAsJson(statistics),
      ...(sites.size > 0 && {
        sites: [...sites].map(([site, of]) => ({ site, ...statisticsAsJson(of) })),
      }),
    })),
    oddities: lot.oddities,
    report,
  };
}

/** Figures of a site or of a tester. */
export function groupAsJson({ hardBins, softBins, ...figures }: Omit<GroupFigures, 'group'>) {
  const listed = (bins: ReadonlyMap<number, number>) =>
    [...bins].sort(([a], [b]) => a - b).map(([bin, touchdowns]) => ({ bin, touchdowns }));
  return {
    ...figures,
    yield: yieldOfGroup(figures) ?? null,
    hardBins: listed(hardBins),
    softBins: listed(softBins),
  };
}

/** In the base unit. */
export function statisticsAsJson({ min, max, mean, deviation, ...counts }: TestStatistics) {
  return {
    ...counts,
    min: min ?? null,
    max: max ?? null,
    mean: mean ?? null,
    deviation: deviation ?? null,
  };
}

/** What the SDRs say of the equipment of a site group, besides the tester. */
export function hardwareOf({ sdrs }: Lot) {
  const named = (type: string | undefined, id: string | undefined) => {
    const text = [type, id].map((each) => each?.trim() ?? '').filter((each) => each !== '');
    return text.length === 0 ? undefined : text.join(' ');
  };
  return sdrs.map((sdr) => ({
    head: sdr.headNum,
    sites: sdr.siteNum,
    handler: named(sdr.handTyp, sdr.handId),
    probeCard: named(sdr.cardTyp, sdr.cardId),
    loadBoard: named(sdr.loadTyp, sdr.loadId),
    dibBoard: named(sdr.dibTyp, sdr.dibId),
    cable: named(sdr.cablTyp, sdr.cablId),
    contactor: named(sdr.contTyp, sdr.contId),
    laser: named(sdr.lasrTyp, sdr.lasrId),
    extra: named(sdr.extrTyp, sdr.extrId),
  }));
}

/** From which part on which limits held, in the base unit. */
function limitChangesOf({ from, changes }: LimitChanges) {
  return {
    changes,
    from: from.map(({ limits: { lo, hi }, part }) => ({
      part: part.index,
      partId: part.partId ?? null,
      x: part.x ?? null,
      y: part.y ?? null,
      lowLimit: lo ?? null,
      highLimit: hi ?? null,
    })),
  };
}

/** How the tester shows the test's numbers: shown is the number times 10 to the scale, in `unit`. */
function displayOf({ display }: TestDefinition) {
  const { unit, scale } = shownFormOf(display);
  return {
    unit,
    scale,
    resultScale: display.resultScale,
    lowScale: display.loScale,
    highScale: display.hiScale,
    resultFormat: display.resultFormat,
    lowFormat: display.loFormat,
    highFormat: display.hiFormat,
  };
}

/** What the MIR and MRR say of the lot. */
export function identityOf({ mir, mrr, rdr }: Lot) {
  const said = (text: string | undefined) => (text === undefined || text.trim() === '' ? null : text);
  return {
    lotId: said(mir?.lotId),
    sublotId: said(mir?.sblotId),
    product: said(mir?.partTyp),
    program: said(mir?.jobNam),
    programRevision: said(mir?.jobRev),
    testerType: said(mir?.tstrTyp),
    tester: said(mir?.nodeNam),
    started: testerTime(mir?.startT),
    finished: testerTime(mrr?.finishT),
    /** Whether the whole file says that it is a retest (RDR). */
    retestOfBins: rdr !== undefined,
  };
}

function yieldsOf({ dies, touchdownYield, firstYield, lastYield }: YieldFigures) {
  return {
    dies,
    touchdownYield: touchdownYield ?? null,
    firstYield: firstYield ?? null,
    lastYield: lastYield ?? null,
  };
}

function binOf({ name, recordCount, ...bin }: Inspection['hardBins'][number]) {
  return { ...bin, name: name ?? null, recordCount: recordCount ?? null };
}

function countOr(count: number | undefined): number | null {
  return count ?? null;
}
