import type { StdfRecord } from '../../stdf/stdf.js';
import { DEFECT_MODES, SUBTLE_MODES } from './catalogue.js';
import { type SimulatedDie, softBinOf } from './lot.js';
import type { Product } from './product.js';

/** Counts what a lot's summary records state. */
export interface LotTally {
  /** One result of the product's `test`th parameter. */
  result(test: number, value: number, failed: boolean): void;
  part(die: SimulatedDie): void;
  /** TSR, HBR, SBR and PCR, totals over all sites. */
  records(): Generator<StdfRecord>;
}

const ALL_SITES = { headNum: 255, siteNum: 0 } as const;
/** OPT_FLAG of a TSR: no TEST_TIM; bits 3, 6 and 7 are 1. */
const NO_TEST_TIME = 0xcc;

export function createLotTally({ parameters }: Product): LotTally {
  const tests = parameters.map(() => ({
    results: 0,
    failures: 0,
    least: Number.POSITIVE_INFINITY,
    most: Number.NEGATIVE_INFINITY,
    sum: 0,
    squares: 0,
  }));
  const softBins = new Map<number, number>();
  let parts = 0;
  let good = 0;
  return {
    result(test, value, failed) {
      const tally = tests[test];
      tally.results += 1;
      if (failed) tally.failures += 1;
      tally.least = Math.min(tally.least, value);
      tally.most = Math.max(tally.most, value);
      tally.sum += value;
      tally.squares += value * value;
    },
    part({ softBin, defect }) {
      parts += 1;
      if (defect === undefined) good += 1;
      softBins.set(softBin, (softBins.get(softBin) ?? 0) + 1);
    },
    *records() {
      for (const [t, { results, failures, least, most, sum, squares }] of tests.entries()) {
        yield {
          ...{ type: 'Tsr', ...ALL_SITES, testTyp: 'P', testNum: parameters[t].testNumber },
          ...{ execCnt: results, failCnt: failures, alrmCnt: 0, testNam: parameters[t].name },
          ...{ seqName: '', testLbl: '', optFlag: NO_TEST_TIME, testTim: 0 },
          ...{ testMin: least, testMax: most, tstSums: sum, tstSqrs: squares },
        };
      }
      const hardBins = [
        { hbinNum: 1, hbinCnt: good, hbinPf: 'P', hbinNam: 'good' },
        { hbinNum: 2, hbinCnt: parts - good, hbinPf: 'F', hbinNam: 'defective' },
      ];
      for (const bin of hardBins) if (bin.hbinCnt > 0) yield { type: 'Hbr', ...ALL_SITES, ...bin };
      for (const mode of [undefined, ...DEFECT_MODES, ...SUBTLE_MODES]) {
        const sbinNum = softBinOf(mode);
        const sbinCnt = softBins.get(sbinNum) ?? 0;
        const named = { sbinPf: mode === undefined ? 'P' : 'F', sbinNam: mode ?? 'good' };
        if (sbinCnt > 0) yield { type: 'Sbr', ...ALL_SITES, sbinNum, sbinCnt, ...named };
      }
      yield {
        ...{ type: 'Pcr', ...ALL_SITES, partCnt: parts, rtstCnt: 0, abrtCnt: 0 },
        ...{ goodCnt: good, funcCnt: parts },
      };
    },
  };
}
