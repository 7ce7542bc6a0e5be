import { createBinCounter, type Lot } from './lot.js';
import { known } from './missing.js';
import { createOpenWafers, type OpenWafers } from './open-wafers.js';
import type { StdfRecord } from './records.js';
import { createTestDefaults, type TestDefaults } from './test-defaults.js';

/** What has been read of one lot. */
export interface OpenLot {
  /** Always the same object; it grows. */
  readonly lot: Lot;
  readonly defaults: TestDefaults;
  readonly wafers: OpenWafers;
  readonly counts: {
    total: number;
    passed: number;
    failed: number;
    noVerdict: number;
    notEnded: number;
    withResults: number;
  };
  readonly oddities: { orphanResults: number; partsWithoutPir: number; unclosedSections: number };
  /** Counts a part's bins. */
  part(prr: StdfRecord<'Prr'>): void;
  /** Takes what is neither a part nor a result. */
  context(record: StdfRecord): void;
}

export function createOpenLot(): OpenLot {
  const defaults = createTestDefaults();
  const wafers = createOpenWafers();
  const hardBins = createBinCounter();
  const softBins = createBinCounter();
  const sdrs: StdfRecord<'Sdr'>[] = [];
  const pcrs: StdfRecord<'Pcr'>[] = [];
  const tsrs: StdfRecord<'Tsr'>[] = [];
  const singles: { [Name in 'Mir' | 'Mrr' | 'Rdr' | 'Wcr']?: StdfRecord<Name> } = {};
  const counts = { total: 0, passed: 0, failed: 0, noVerdict: 0, notEnded: 0, withResults: 0 };
  const oddities = { orphanResults: 0, partsWithoutPir: 0, unclosedSections: 0 };

  function context(record: StdfRecord): void {
    switch (record.type) {
      case 'Mir':
        singles.Mir ??= record;
        break;
      case 'Mrr':
        singles.Mrr ??= record;
        break;
      case 'Rdr':
        singles.Rdr ??= record;
        break;
      case 'Wcr':
        singles.Wcr ??= record;
        break;
      case 'Sdr':
        sdrs.push(record);
        wafers.siteGroup(record);
        break;
      case 'Pcr':
        pcrs.push(record);
        break;
      case 'Pmr':
        defaults.pin(record);
        break;
      case 'Tsr':
        tsrs.push(record);
        defaults.summary(record);
        break;
      case 'Wir':
        wafers.open(record);
        break;
      case 'Wrr':
        wafers.close(record);
        break;
      case 'Hbr':
        hardBins.summary(record.headNum, record.hbinNum, record.hbinCnt, known(record, 'hbinNam'));
        break;
      case 'Sbr':
        softBins.summary(record.headNum, record.sbinNum, record.sbinCnt, known(record, 'sbinNam'));
        break;
    }
  }

  const lot: Lot = {
    get mir() {
      return singles.Mir;
    },
    get mrr() {
      return singles.Mrr;
    },
    get rdr() {
      return singles.Rdr;
    },
    get wcr() {
      return singles.Wcr;
    },
    sdrs,
    pcrs,
    tsrs,
    wafers: wafers.wafers,
    tests: defaults.tests(),
    get hardBins() {
      return hardBins.bins();
    },
    get softBins() {
      return softBins.bins();
    },
    parts: counts,
    oddities,
  };

  return {
    lot,
    defaults,
    wafers,
    counts,
    oddities,
    part(prr) {
      hardBins.part(prr.hardBin, prr.partFlg);
      softBins.part(known(prr, 'softBin'), prr.partFlg);
    },
    context,
  };
}
