import { gzipSync } from 'node:zlib';
import type { StdfRecord } from '../../src/stdf/records.js';
import { fileOf, mir, mrr, pir, prr, ptr } from '../stdf/support.js';

/** How a floor's handler and program write a final-test lot. */
export interface FinalTestWays {
  /** What stands in X_COORD and Y_COORD of every part: handlers have no coordinates. */
  readonly coordinates: number;
  /** Touchdowns of four parts each. */
  readonly touchdowns: number;
  /** The parts that fail, as `site:part_id`, and by which test. */
  readonly failing: Readonly<Record<string, 'Idd_q' | 'Leak_IO' | 'scan_chain'>>;
  /** Only these are on the file, which is then a retest of bin 3 (RDR); all if left out. */
  readonly retestOf?: readonly string[];
}

const SITES = [1, 2, 3, 4];
const limits = { resScal: 6, llmScal: 6, hlmScal: 6, cResfmt: '%7.2f' };

/**
 * A big-endian, packed lot as 93000 testers write them: no WIR, TEST_NUM 0 everywhere, tests of one number told apart by
 * name, pins by the PMR, PART_ID counted anew at each site.
 */
export function finalTestLot({ coordinates, touchdowns, failing, retestOf }: FinalTestWays): Buffer {
  const records: StdfRecord[] = [
    { ...mir, lotId: 'FT1', rtstCod: retestOf === undefined ? ' ' : 'R', startT: retestOf ? 100 : 2 },
    ...(retestOf === undefined ? [] : [{ type: 'Rdr' as const, numBins: 1, rtstBin: [3] }]),
    ...[1, 2].map((pin) => ({
      ...{ type: 'Pmr' as const, pmrIndx: pin, chanTyp: 0, chanNam: `${10100 + pin}`, phyNam: `P${pin}` },
      ...{ logNam: `IO${pin}`, headNum: 1, siteNum: 1 },
    })),
  ];
  for (let touchdown = 1; touchdown <= touchdowns; touchdown++) {
    const parts = SITES.map((site) => ({ site, id: `${touchdown}`, name: `${site}:${touchdown}` })).filter(
      ({ name }) => retestOf?.includes(name) ?? true,
    );
    records.push(
      ...parts.map(({ site }) => pir(1, site)),
      ...parts.map(({ site, name }) => {
        const fails = failing[name] === 'Idd_q';
        return ptr(0, fails ? 4.5e-5 : 2e-5, {
          ...{ siteNum: site, testFlg: fails ? 0x80 : 0, testTxt: 'Idd_q', units: 'A' },
          ...{ optFlag: 0x4e, loLimit: 0, hiLimit: 3e-5, ...limits },
        });
      }),
      ...parts.map(({ site, name }) => leakOf(site, failing[name] === 'Leak_IO')),
      ...parts.map(({ site, name }) => scanOf(site, failing[name] === 'scan_chain')),
      ...parts.map(({ site, id, name }) =>
        prr(1, site, {
          ...{ xCoord: coordinates, yCoord: coordinates, partId: id, numTest: 3 },
          ...(failing[name] === undefined ? {} : { partFlg: 8, hardBin: 3, softBin: 30 }),
        }),
      ),
    );
  }
  return gzipSync(fileOf([...records, mrr], 'big'));
}

/** 100 nA on each pin; where it fails 900 nA on the second. */
function leakOf(siteNum: number, fails: boolean): StdfRecord<'Mpr'> {
  return {
    ...{ type: 'Mpr', testNum: 0, headNum: 1, siteNum, testFlg: fails ? 0x80 : 0, parmFlg: 0 },
    ...{ rtnIcnt: 2, rsltCnt: 2, rtnStat: [0, 0], rtnRslt: [1e-7, fails ? 9e-7 : 1e-7].map(Math.fround) },
    ...{ testTxt: 'Leak_IO', alarmId: '', optFlag: 0x4e, resScal: 9, llmScal: 9, hlmScal: 9 },
    ...{ loLimit: 0, hiLimit: 5e-7, startIn: 0, incrIn: 0, rtnIndx: [1, 2], units: 'A', unitsIn: '' },
    ...{ cResfmt: '%7.2f' },
  };
}

/** A functional test; what stands before its name has to stand there. */
function scanOf(siteNum: number, fails: boolean): StdfRecord<'Ftr'> {
  const none = { count: 0, bytes: new Uint8Array() };
  return {
    ...{ type: 'Ftr', testNum: 0, headNum: 1, siteNum, testFlg: fails ? 0x80 : 0, optFlag: 0xff },
    ...{ cyclCnt: 0, relVadr: 0, reptCnt: 0, numFail: 0, xfailAd: 0, yfailAd: 0, vectOff: 0 },
    ...{ rtnIcnt: 0, pgmIcnt: 0, rtnIndx: [], rtnStat: [], pgmIndx: [], pgmStat: [], failPin: none },
    ...{ vectNam: '', timeSet: '', opCode: '', testTxt: 'scan_chain' },
  };
}
