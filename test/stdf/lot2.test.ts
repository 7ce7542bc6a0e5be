import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { camel } from '../../src/stdf/field-types.js';
import type { StdfRecord } from '../../src/stdf/records.js';
import { assembleParts, type Lot, type Part, type ReadReport, readStdf } from '../../src/stdf/stdf.js';
import { diesOf, oneForEachDie } from '../lots/dies-of.js';
import { collect, lot2Facts, lot2Gzip, lot2Missing, streamOf } from './support.js';

const tally = (keys: readonly (string | number)[]) => {
  const counts: Record<string, number> = {};
  for (const key of keys) counts[key] = (counts[key] ?? 0) + 1;
  return counts;
};

/** A record of the facts, which names fields as the standard does and writes null for absent. */
const asRecord = (fact: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(fact).map(([name, value]) => [camel(name), value ?? undefined]));

describe.skipIf(lot2Missing)(
  `the real lot agrees with its facts${lot2Missing ? ` (${lot2Missing})` : ''}`,
  () => {
    let facts: ReturnType<typeof lot2Facts>;
    let records: StdfRecord[];
    let report: ReadReport;
    let parts: Part[];
    let lot: Lot;

    beforeAll(async () => {
      facts = lot2Facts();
      const reader = readStdf(streamOf(lot2Gzip()));
      records = await collect(reader);
      report = reader.report();
      const stream = assembleParts(streamOf(lot2Gzip()));
      parts = await collect(stream);
      lot = stream.lots()[0];
    });

    it('in its records', () => {
      expect(report).toMatchObject({
        byteOrder: facts.file.byte_order,
        bytes: facts.file.bytes,
        records: facts.record_total,
        unknown: [],
        damage: [],
        intact: true,
      });
      const upper = Object.entries(report.counts).map(([name, count]) => [name.toUpperCase(), count]);
      expect(Object.fromEntries(upper)).toEqual(facts.record_counts);
    });

    it('in its single records, absent fields apart from empty ones', () => {
      for (const name of ['mir', 'mrr', 'sdr', 'wcr', 'wir', 'wrr', 'pcr']) {
        const record = records.find(({ type }) => type.toLowerCase() === name);
        expect(record, name).toEqual({ type: record?.type, extra: undefined, ...asRecord(facts[name]) });
      }
    });

    it('in the digests over all PTRs and PRRs', () => {
      const ptrs = createHash('sha256');
      const prrs = createHash('sha256');
      for (const record of records) {
        if (record.type === 'Ptr') {
          const bytes = Buffer.alloc(13);
          bytes.writeUInt32LE(record.testNum, 0);
          bytes.writeUInt8(record.testFlg, 4);
          bytes.writeDoubleLE(record.result, 5);
          ptrs.update(bytes);
        } else if (record.type === 'Prr') {
          const bytes = Buffer.alloc(13);
          bytes.writeUInt8(record.headNum, 0);
          bytes.writeUInt8(record.siteNum, 1);
          bytes.writeUInt8(record.partFlg, 2);
          bytes.writeUInt16LE(record.numTest, 3);
          bytes.writeUInt16LE(record.hardBin, 5);
          bytes.writeUInt16LE(record.softBin ?? 0, 7);
          bytes.writeInt16LE(record.xCoord ?? 0, 9);
          bytes.writeInt16LE(record.yCoord ?? 0, 11);
          prrs.update(bytes).update(`${record.partId}\n`, 'latin1');
        }
      }
      expect(ptrs.digest('hex')).toBe(facts.digests.ptr);
      expect(prrs.digest('hex')).toBe(facts.digests.prr);
    });

    it('in its parts', () => {
      const counts = facts.part_counts;
      expect(lot.parts).toEqual({
        total: counts.total,
        passed: counts.passed,
        failed: counts.failed,
        noVerdict: counts.no_verdict,
        notEnded: 0,
        withResults: counts.with_ptr,
      });
      expect(tally(parts.map(({ partFlg }) => partFlg ?? -1))).toEqual(counts.part_flg);
      expect(tally(parts.map(({ results }) => results.length))).toEqual(counts.ptrs_per_part);
      expect(tally(parts.map(({ headNum, siteNum }) => `${headNum}/${siteNum}`))).toEqual(counts.head_site);
      expect(parts.filter(({ abnormal }) => abnormal).length).toBe(counts.abnormal_end);
      expect(parts.filter(({ retestFlag }) => retestFlag !== undefined).length).toBe(
        counts.supersede_bits_set,
      );
      expect(parts.filter(({ x, y }) => x !== undefined && y !== undefined).length).toBe(
        counts.with_valid_xy,
      );
      expect(new Set(parts.map(({ x, y }) => `${x},${y}`)).size).toBe(counts.unique_xy);
      expect(new Set(parts.map(({ partId }) => partId)).size).toBe(counts.unique_part_id);
      expect(parts.reduce((sum, { numTest }) => sum + (numTest ?? 0), 0)).toBe(counts.num_test_sum);
      const xs = parts.map(({ x }) => x ?? 0);
      const ys = parts.map(({ y }) => y ?? 0);
      expect([Math.min(...xs), Math.max(...xs)]).toEqual([counts.x_min, counts.x_max]);
      expect([Math.min(...ys), Math.max(...ys)]).toEqual([counts.y_min, counts.y_max]);
      expect(lot.oddities).toEqual({
        orphanResults: 0,
        partsWithoutPir: 0,
        unclosedSections: counts.bps_without_eps,
      });
      expect(new Set(parts.map(({ wafer }) => wafer?.waferId))).toEqual(new Set([facts.wafer_id]));
    });

    it('in its unflagged retests', () => {
      const { retest } = facts;
      const { touchdowns, replaces } = diesOf(parts);
      expect(tally([...touchdowns])).toEqual({
        1: retest.positions_tested_once + retest.positions_tested_twice,
        2: retest.positions_tested_twice,
      });
      const passed = (of: readonly Part[]) => of.filter(({ verdict }) => verdict === 'pass').length;
      const [firsts, lasts] = [oneForEachDie(parts, 'first'), oneForEachDie(parts, 'last')];
      expect([passed(firsts), passed(lasts)]).toEqual([retest.first_good, retest.last_good]);
      expect(passed(firsts) / firsts.length).toBe(retest.yield_first);
      expect(passed(lasts) / lasts.length).toBe(retest.yield_last);
      expect(passed(parts) / parts.length).toBe(retest.yield_touchdowns);
      expect(lasts.filter(({ results }) => results.length > 0).length).toBe(retest.last_with_ptr);
      expect(tally(lasts.map(({ hardBin }) => hardBin ?? -1))).toEqual(retest.last_hard_bins);
      const moves = tally(
        parts.flatMap(({ hardBin }, entry) => {
          const earlier = parts[replaces[entry] ?? -1];
          return earlier === undefined ? [] : [`${earlier.hardBin}>${hardBin}`];
        }),
      );
      expect(moves).toEqual(
        Object.fromEntries(
          retest.hard_bin_transitions.map(([[a, b], n]: [[number, number], number]) => [`${a}>${b}`, n]),
        ),
      );
    });

    it('in its bins', () => {
      const bins = (of: typeof facts.hard_bins) =>
        of.map(({ bin, name, parts, passed, failed, record_count }: Record<string, unknown>) => {
          return { bin, name: name ?? undefined, parts, passed, failed, recordCount: record_count };
        });
      expect(lot.hardBins).toEqual(bins(facts.hard_bins));
      expect(lot.softBins).toEqual(bins(facts.soft_bins));
    });

    it('in its tests, their limits and their statistics', () => {
      expect(lot.tests.length).toBe(facts.distinct_tests);
      const results = parts.flatMap((part) => [...part.results]);
      const byNumber = new Map(lot.tests.map((test) => [test.testNum, test]));
      for (const fact of facts.tests) {
        const test = byNumber.get(fact.test_num);
        expect(test, fact.test_num).toMatchObject({
          testTxt: fact.test_txt,
          limits: { lo: fact.lo_limit ?? undefined, hi: fact.hi_limit ?? undefined },
          display: { units: fact.units, resultScale: fact.res_scal, resultFormat: fact.c_resfmt },
        });
        const own = results.filter((result) => result.test === test);
        const usable = own.filter((result) => result.usable).map(({ value }) => value);
        expect(own.length).toBe(fact.count);
        expect(usable.length).toBe(fact.valid_count);
        expect(own.filter(({ verdict }) => verdict === 'fail').length).toBe(fact.fail_count);
        expect(own.filter(({ alarm }) => alarm).length).toBe(fact.alarm_count);
        expect([Math.min(...usable), Math.max(...usable)]).toEqual([fact.min, fact.max]);
        const mean = usable.reduce((sum, value) => sum + value, 0) / usable.length;
        const tolerance = 1e-12 * Math.max(Math.abs(fact.min), Math.abs(fact.max));
        expect(Math.abs(mean - fact.mean)).toBeLessThanOrEqual(tolerance);
        const tsr = lot.tsrs.find(({ testNum }) => testNum === fact.test_num);
        expect([tsr?.execCnt, tsr?.failCnt, tsr?.alrmCnt, tsr?.testNam]).toEqual([
          fact.tsr_exec_cnt,
          fact.tsr_fail_cnt,
          fact.tsr_alrm_cnt,
          fact.tsr_test_nam,
        ]);
      }
    });

    it('in its test summaries', () => {
      expect(lot.tsrs.length).toBe(facts.tsr.count);
      expect(lot.tsrs.filter(({ execCnt }) => execCnt === 0).length).toBe(facts.tsr.never_executed);
      expect(tally(lot.tsrs.map(({ testTyp }) => testTyp))).toEqual(facts.tsr.test_typ);
    });

    it('in its sample parts', () => {
      const samples = Object.entries<Record<string, unknown> | Record<string, unknown>[]>(facts.sample_parts);
      for (const [name, fact] of samples.flatMap(([name, of]) =>
        [of].flat().map((one) => [name, one] as const),
      )) {
        const part = parts.find(({ partId }) => partId === fact.part_id);
        expect(part, name).toMatchObject({
          x: fact.x,
          y: fact.y,
          headNum: fact.head,
          siteNum: fact.site,
          partFlg: fact.part_flg,
          verdict: fact.passed === true ? 'pass' : 'fail',
          hardBin: fact.hard_bin,
          softBin: fact.soft_bin,
          numTest: fact.num_test,
        });
        const ptrs = [...(part?.results ?? [])].map(({ test, value }) => [test.testNum, value]);
        expect(ptrs.length, name).toBe(fact.ptr_count);
        expect(ptrs.slice(0, 5), name).toEqual(fact.first_ptrs);
        if (Array.isArray(fact.last_ptr)) expect(ptrs.at(-1), name).toEqual(fact.last_ptr.slice(0, 2));
      }
    });
  },
);
