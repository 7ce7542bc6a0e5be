import { known } from './missing.js';
import type { Wafer } from './part.js';
import type { StdfRecord } from './records.js';

/** HEAD_NUM of a record that is for all heads, and SITE_GRP of one that is for all sites of its head. */
const ALL = 255;

/** The wafers of one lot as its WIR and WRR open and close them. */
export interface OpenWafers {
  open(wir: StdfRecord<'Wir'>): void;
  close(wrr: StdfRecord<'Wrr'>): void;
  /** Learns which sites are a group; two groups of a head may have a wafer each. */
  siteGroup(sdr: StdfRecord<'Sdr'>): void;
  /** The wafer that a part on this head and site is of. */
  at(headNum: number, siteNum: number): Wafer | undefined;
  /** In the order in which they were first opened; grows. */
  readonly wafers: readonly Wafer[];
}

interface FilledWafer extends Wafer {
  wrr: StdfRecord<'Wrr'> | undefined;
  readonly wrrs: StdfRecord<'Wrr'>[];
  waferId: string | undefined;
}

/**
 * A WIR of HEAD_NUM 255 opens the wafer of all heads. One of a wafer that the lot has had continues it: a
 * second pass is no second wafer.
 */
export function createOpenWafers(): OpenWafers {
  const wafers: FilledWafer[] = [];
  /** By head and site group; in the order in which they were opened. */
  const open = new Map<number, FilledWafer>();
  const groupOfSite = new Map<number, number>();

  return {
    wafers,
    open(wir) {
      const waferId = known(wir, 'waferId');
      const key = groupKey(wir.headNum, wir.siteGrp);
      const name = waferId?.trim() ?? '';
      const again = name === '' ? undefined : wafers.find((wafer) => wafer.waferId?.trim() === name);
      const wafer = again ?? { index: wafers.length, wir, wrr: undefined, wrrs: [], waferId };
      if (again === undefined) wafers.push(wafer);
      // A wafer of all heads follows those of single heads, and the other way round.
      if (wir.headNum === ALL) open.clear();
      else open.delete(groupKey(ALL, ALL));
      open.delete(key);
      open.set(key, wafer);
    },
    close(wrr) {
      const key = groupKey(wrr.headNum, wrr.siteGrp);
      const found = open.has(key) ? key : [...open.keys()].find((each) => isOfHead(each, wrr.headNum));
      const wafer = found === undefined ? undefined : open.get(found);
      if (found === undefined || wafer === undefined) return;
      open.delete(found);
      wafer.wrr = wrr;
      wafer.wrrs.push(wrr);
      wafer.waferId = known(wrr, 'waferId') ?? wafer.waferId;
    },
    siteGroup({ headNum, siteGrp, siteNum = [] }) {
      for (const site of siteNum) groupOfSite.set(groupKey(headNum, site), siteGrp);
    },
    at(headNum, siteNum) {
      const group = groupOfSite.get(groupKey(headNum, siteNum)) ?? groupOfSite.get(groupKey(ALL, siteNum));
      const own = group === undefined ? undefined : open.get(groupKey(headNum, group));
      const ofHead = own ?? open.get(groupKey(headNum, ALL)) ?? open.get(groupKey(ALL, ALL));
      if (ofHead !== undefined) return ofHead;
      // Groups that no SDR explains: the wafer that was opened last.
      const last = [...open.keys()].filter((key) => isOfHead(key, headNum)).at(-1);
      return last === undefined ? undefined : open.get(last);
    },
  };
}

function groupKey(headNum: number, group: number): number {
  return headNum * 256 + group;
}

function isOfHead(key: number, headNum: number): boolean {
  const head = key >> 8;
  return head === headNum || head === ALL || headNum === ALL;
}
