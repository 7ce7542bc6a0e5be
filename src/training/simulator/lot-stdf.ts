import { farOf, type StdfRecord, writeStdf } from '../../stdf/stdf.js';
import { type SimulatedDie, type SimulatedLot, type SimulatedWafer, TESTERS } from './lot.js';
import { createLotTally, type LotTally } from './lot-tally.js';
import type { Product, SimulatedParameter } from './product.js';

/** Lots must come out alike on any day: 2026-01-01T00:00:00Z, as STDF counts time. */
const SETUP_TIME = 1_767_225_600;
const START_TIME = SETUP_TIME + 600;
const SECONDS_BETWEEN_WAFERS = 60;
/** Time of one die, with the step to it. */
const DIE_MS = 1000;

const HEAD = 1;
const SITE_GROUP = 1;
const WAFER_MM = 300;
const MILLIMETRES = 3;
/** TEST_FLG bit 7: failed. PARM_FLG bits 3 and 4: which limit; bits 6 and 7: limits belong to the pass. */
const FAILED = 0x80;
const ABOVE_HIGH = 0x08;
const BELOW_LOW = 0x10;
const LIMITS_PASS = 0xc0;
/** OPT_FLAG: there are limits and scales, and no spec limits; the reserved bit is 1. */
const NO_SPEC_LIMITS = 0x0e;
const PART_FAILED = 0x08;

/**
 * The bytes of an STDF file of one lot, little-endian. Each wafer's tester is the site that its dies
 * are tested on (T03 is site 3), since a file has one node. Limits and units stand in a test's first PTR
 * only. A test passes or fails by its limits; a part by whether it has a defect, which its soft bin names
 * and its measurements do not: so a part may fail without a failing test, as an escape does.
 */
export function lotAsStdf(product: Product, lots: Iterable<SimulatedLot>): AsyncIterable<Uint8Array> {
  return writeStdf(recordsOf(product, lots));
}

function* recordsOf(product: Product, lots: Iterable<SimulatedLot>): Generator<StdfRecord> {
  for (const lot of lots) {
    const tally = createLotTally(product);
    const tests = product.parameters.map(testOf);
    yield farOf('little');
    yield mirOf(lot);
    yield sdr;
    let time = START_TIME;
    for (const wafer of lot.wafers) {
      // The size of the dies is known from the first wafer; the record comes before it.
      if (wafer.number === 1) yield wcrOf(wafer);
      yield { type: 'Wir', headNum: HEAD, siteGrp: SITE_GROUP, startT: time, waferId: wafer.waferId };
      const site = siteOf(wafer);
      for (const [i, die] of wafer.dies.entries()) {
        yield* dieRecords(die, tests, site, wafer.number === 1 && i === 0, tally);
      }
      time += Math.ceil((wafer.dies.length * DIE_MS) / 1000);
      yield wrrOf(wafer, time);
      time += SECONDS_BETWEEN_WAFERS;
    }
    yield* tally.records();
    yield { type: 'Mrr', finishT: time, dispCod: ' ', usrDesc: 'simulated by diegate, not a real lot' };
  }
}

/** A test with its limits as an STDF file holds them, in float32. */
interface StdfTest {
  readonly testNumber: number;
  readonly low: number;
  readonly high: number;
  readonly first: Partial<StdfRecord<'Ptr'>>;
}

function testOf(parameter: SimulatedParameter): StdfTest {
  const { name, unit, testNumber, lowLimit, highLimit, nominal } = parameter;
  const { scale, prefix } = displayScale(Math.abs(nominal));
  const format = `%9.3f ${prefix}${unit}`;
  return {
    testNumber,
    low: Math.fround(lowLimit),
    high: Math.fround(highLimit),
    first: {
      ...{ testTxt: name, alarmId: '', optFlag: NO_SPEC_LIMITS },
      ...{ resScal: scale, llmScal: scale, hlmScal: scale, loLimit: lowLimit, hiLimit: highLimit },
      ...{ units: unit, cResfmt: format, cLlmfmt: format, cHlmfmt: format },
    },
  };
}

const SCALES = [
  { scale: 15, prefix: 'f', below: 1e-12 },
  { scale: 12, prefix: 'p', below: 1e-9 },
  { scale: 9, prefix: 'n', below: 1e-6 },
  { scale: 6, prefix: 'u', below: 1e-3 },
  { scale: 3, prefix: 'm', below: 1 },
  { scale: 0, prefix: '', below: 1e3 },
  { scale: -3, prefix: 'K', below: 1e6 },
] as const;

/** How values of this size are best shown (stdf-v4.md section 6). */
function displayScale(magnitude: number): { readonly scale: number; readonly prefix: string } {
  return SCALES.find(({ below }) => magnitude < below) ?? { scale: -6, prefix: 'M' };
}

function* dieRecords(
  die: SimulatedDie,
  tests: readonly StdfTest[],
  siteNum: number,
  first: boolean,
  tally: LotTally,
): Generator<StdfRecord> {
  const at = { headNum: HEAD, siteNum };
  yield { type: 'Pir', ...at };
  for (const [t, { testNumber, low, high, first: firstFields }] of tests.entries()) {
    const result = Math.fround(die.measurement[t]);
    const failed = result < low || result > high;
    tally.result(t, result, failed);
    yield {
      type: 'Ptr',
      testNum: testNumber,
      ...at,
      testFlg: failed ? FAILED : 0,
      parmFlg: LIMITS_PASS | (result > high ? ABOVE_HIGH : 0) | (result < low ? BELOW_LOW : 0),
      result,
      ...(first && firstFields),
    };
  }
  tally.part(die);
  yield {
    type: 'Prr',
    ...at,
    partFlg: die.defect === undefined ? 0 : PART_FAILED,
    numTest: tests.length,
    hardBin: die.hardBin,
    softBin: die.softBin,
    xCoord: die.x,
    yCoord: die.y,
    testT: DIE_MS,
    partId: die.dieId,
  };
}

function mirOf({ lotId }: SimulatedLot): StdfRecord<'Mir'> {
  return {
    ...{ type: 'Mir', setupT: SETUP_TIME, startT: START_TIME, statNum: 1 },
    ...{ modeCod: 'P', rtstCod: 'N', protCod: ' ', burnTim: 65535, cmodCod: ' ' },
    ...{ lotId, partTyp: 'diegate-512', nodeNam: 'diegate-simulator', tstrTyp: 'simulated' },
    ...{ jobNam: 'die-defect', jobRev: '1' },
  };
}

const sdr: StdfRecord<'Sdr'> = {
  type: 'Sdr',
  headNum: HEAD,
  siteGrp: SITE_GROUP,
  siteCnt: TESTERS.length,
  siteNum: TESTERS.map((_, tester) => tester + 1),
};

function siteOf({ equipmentId }: SimulatedWafer): number {
  return TESTERS.indexOf(equipmentId) + 1;
}

function wcrOf({ dies }: SimulatedWafer): StdfRecord<'Wcr'> {
  const across = dies.reduce((most, { x }) => Math.max(most, x), 1);
  // A wafer an even number of dies wide has its centre between dies.
  const centre = across % 2 === 1 ? (across + 1) / 2 : undefined;
  const size = WAFER_MM / across;
  return {
    ...{ type: 'Wcr', wafrSiz: WAFER_MM, dieHt: size, dieWid: size, wfUnits: MILLIMETRES, wfFlat: 'D' },
    ...{ centerX: centre, centerY: centre, posX: 'R', posY: 'U' },
  };
}

function wrrOf({ waferId, dies }: SimulatedWafer, finishT: number): StdfRecord<'Wrr'> {
  const goodCnt = dies.filter(({ defect }) => defect === undefined).length;
  return {
    ...{ type: 'Wrr', headNum: HEAD, siteGrp: SITE_GROUP, finishT, partCnt: dies.length },
    ...{ rtstCnt: 0, abrtCnt: 0, goodCnt, funcCnt: dies.length, waferId },
  };
}
