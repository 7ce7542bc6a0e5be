import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { RawRecord, StdfRecord } from '../../src/stdf/records.js';
import {
  createParser,
  createPartAssembler,
  describeReport,
  encodeRecord,
  readStdf,
} from '../../src/stdf/stdf.js';
import {
  collect,
  fileOf,
  lot2,
  lot2Gzip,
  lot2Missing,
  mir,
  mrr,
  pir,
  prr,
  ptr,
  readAll,
  streamOf,
} from './support.js';

const tests = Array.from({ length: 40 }, (_, i) => ptr(1000 + i, i, { testTxt: `test ${i}` }));
const lot = [mir, pir(1, 0), ...tests, prr(1, 0, { partId: '1' }), mrr];
const kinds = (report: { damage: readonly { kind: string }[] }) => report.damage.map(({ kind }) => kind);
const offsetOf = (index: number) => fileOf(lot.slice(0, index)).length;
const invalid = (text: string) =>
  expect.objectContaining({ code: 'invalid_data', message: expect.stringContaining(text) });

describe('what is no STDF V4 file is refused in words', () => {
  it.each([
    ['an empty file', Buffer.alloc(0), 'the file is empty'],
    ['a text file', Buffer.from('die,x,y\n1,2,3\n'), 'not an STDF file: it starts with "die,x,y\\n1,2,3\\n"'],
    ['another version', Buffer.from([2, 0, 0, 10, 2, 3]), 'STDF version 3, expected version 4'],
    ['VAX numbers', Buffer.from([2, 0, 0, 10, 0, 4]), 'CPU_TYPE 0: numbers in VAX format'],
    ['a few bytes', Buffer.from([2, 0, 0, 10]), 'the file ends after 4 bytes'],
    ['bzip2 of nothing', Buffer.from('BZh91AY&SY'), 'bzip2, '],
    ['zip without an index', Buffer.from('PK\x03\x04....'), 'zip, truncated: '],
    ['gzip of gzip', gzipSync(gzipSync(fileOf(lot))), 'packed twice, the inner time by gzip'],
    ['gzip of a text file', gzipSync('hello hello'), 'not an STDF file'],
    [
      'gzip cut in its header',
      gzipSync(fileOf(lot)).subarray(0, 8),
      'gzip, truncated: unexpected end of file',
    ],
    ['gzip of nothing', gzipSync(''), 'the file is empty'],
  ])('%s', async (_, bytes, words) => {
    await expect(collect(readStdf(streamOf(bytes)))).rejects.toEqual(invalid(words));
  });
});

describe('a damaged file gives everything readable, then says what and where', () => {
  it('cut anywhere: all whole records, and the offset of the one that is cut', async () => {
    const file = fileOf(lot);
    for (let cut = 6; cut < file.length; cut++) {
      const { records, report } = await readAll(file.subarray(0, cut));
      const whole = [file.subarray(0, 6), ...lot].length;
      let expected = 1;
      while (expected < whole && offsetOf(expected) <= cut) expected++;
      expect(records.length).toBe(expected);
      const tail = offsetOf(expected - 1);
      if (tail < cut) {
        expect(report.damage[0]).toMatchObject({
          kind: 'truncated_tail',
          firstOffset: tail,
          bytesLost: cut - tail,
        });
      }
      expect(kinds(report)).toContain('missing_mrr');
    }
  });

  it('a wrong length costs that record alone', async () => {
    for (const [index, length] of [
      [10, 9999],
      [10, 65535],
      [10, 21],
      [10, 1],
      [40, 65535],
    ] as const) {
      const file = fileOf(lot);
      file.writeUInt16LE(length, offsetOf(index));
      const { records, report } = await readAll(file);
      const left = [lot[0], ...lot.slice(1, index), ...lot.slice(index + 1)];
      expect(records.filter(({ type }) => type !== 'Far')).toEqual(expect.arrayContaining(left));
      expect(records.length).toBeGreaterThanOrEqual(lot.length);
      expect(report.damage[0]).toMatchObject({ firstOffset: expect.any(Number) });
      expect(Math.abs((report.damage[0]?.firstOffset ?? 0) - offsetOf(index))).toBeLessThan(30);
    }
  });

  it('a wrong type costs that record alone', async () => {
    const file = fileOf(lot);
    file[offsetOf(10) + 3] = 99;
    const { records, report } = await readAll(file);
    expect(records[11]).toMatchObject({ type: 'Raw', typ: 15, sub: 99 });
    expect(records.length).toBe(lot.length + 1);
    expect(report.unknown).toEqual([
      expect.objectContaining({ typ: 15, sub: 99, firstOffset: offsetOf(10) }),
    ]);
  });

  it('4,096 zero bytes inside are skipped and reported with their place and size', async () => {
    const file = fileOf(lot);
    const at = offsetOf(20);
    const holed = Buffer.concat([file.subarray(0, at), Buffer.alloc(4096), file.subarray(at)]);
    const { records, report } = await readAll(holed);
    expect(records.slice(1)).toEqual(lot);
    expect(report.damage).toEqual([
      {
        kind: 'lost_sync',
        count: 1,
        firstOffset: at,
        bytesLost: 4096,
        message: expect.stringContaining(`at byte ${at} (4096 bytes lost)`),
      },
    ]);
  });

  it('a last record that claims 65,535 bytes', async () => {
    const file = Buffer.concat([fileOf(lot), Buffer.from([0xff, 0xff, 15, 10, 1, 2, 3])]);
    const { records, report } = await readAll(file);
    expect(records.slice(1)).toEqual(lot);
    expect(report.damage).toEqual([
      expect.objectContaining({ kind: 'truncated_tail', firstOffset: file.length - 7, bytesLost: 7 }),
    ]);
  });

  it('no MRR, no MIR', async () => {
    expect(kinds((await readAll(fileOf(lot.slice(0, -1)))).report)).toEqual(['missing_mrr']);
    expect(kinds((await readAll(fileOf(lot.slice(1)))).report)).toEqual(['missing_mir']);
  });

  it('records longer than their fields, ending inside a field, or before their required fields', async () => {
    const long = { type: 'Raw', typ: 5, sub: 10, bytes: new Uint8Array([1, 0, 9]) } as const;
    const cut = { type: 'Raw', typ: 1, sub: 20, bytes: new Uint8Array([1, 0, 0, 0, 80, 5, 65]) } as const;
    const short = { type: 'Raw', typ: 5, sub: 20, bytes: new Uint8Array([1, 0]) } as const;
    const file = fileOf([mir, long, prr(1, 0), short, pir(1, 0), cut]);
    const { records, report } = await readAll(file);
    expect(kinds(report)).toEqual(['extra_bytes', 'short_record', 'cut_field']);
    expect(records[2]).toMatchObject({ type: 'Pir', siteNum: 0, extra: new Uint8Array([9]) });
    expect(records[4]).toEqual(short);
    expect(records[6]).toMatchObject({
      type: 'Mrr',
      dispCod: 'P',
      usrDesc: undefined,
      extra: new Uint8Array([5, 65]),
    });
    expect(fileOf(records.slice(1)).equals(file)).toBe(true);
  });

  it('a CPU_TYPE that contradicts the first length: the length is believed', async () => {
    const file = fileOf(lot);
    file[4] = 1;
    const { records, report } = await readAll(file);
    expect(records.slice(1)).toEqual(lot);
    expect(kinds(report)).toEqual(['cpu_type_conflict']);
  });

  it('gzip cut in half, and gzip with a bad checksum', async () => {
    const many = [mir, ...Array.from({ length: 300 }, () => lot.slice(1, -1)).flat(), mrr];
    const packed = gzipSync(fileOf(many));
    const half = await readAll(packed.subarray(0, packed.length / 2));
    expect(half.records.length).toBeGreaterThan(1000);
    expect(kinds(half.report)).toContain('truncated_packing');
    packed[packed.length - 6] = (packed[packed.length - 6] ?? 0) ^ 0xff;
    expect(kinds((await readAll(packed)).report)).toContain('corrupt_packing');
  });

  it('the report reads as sentences', async () => {
    const { report } = await readAll(fileOf(lot).subarray(0, -3));
    expect(describeReport(report)).toEqual([
      expect.stringMatching(/^truncated_tail: the file ends inside a record: at byte \d+ \(5 bytes lost\)$/),
      expect.stringMatching(/^missing_mrr: there is no MRR: .*: at byte \d+$/),
    ]);
  });

  it('a hundred megabytes of nonsense are read to the MRR behind them, in a report of a few lines', async () => {
    const noise = Buffer.alloc(65536);
    let seed = 1;
    for (let i = 0; i < noise.length; i++) {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
      noise[i] = seed >>> 24;
    }
    const parser = createParser();
    const nobody = { push: () => {} };
    parser.push(fileOf(lot), nobody);
    for (let i = 0; i < 1600; i++) parser.push(noise, nobody);
    parser.push(encodeRecord(mrr, 'little'), nobody);
    parser.end(nobody);
    expect(parser.report().bytes).toBeGreaterThan(100e6);
    expect(parser.report().intact).toBe(false);
    expect(kinds(parser.report())).not.toContain('missing_mrr');
    expect(describeReport(parser.report()).length).toBeLessThan(20);
  });
});

/** A small seeded generator (mulberry32): the same flips on every machine. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Everything through parser and assembler; what comes out, or the refusal. */
function survive(bytes: Uint8Array) {
  const parser = createParser({ raw: true });
  const assembler = createPartAssembler();
  let records = 0;
  const sink = {
    push(record: StdfRecord | RawRecord) {
      records++;
      assembler.push(record);
    },
  };
  try {
    for (let at = 0; at < bytes.length; at += 65536) parser.push(bytes.subarray(at, at + 65536), sink);
    parser.end(sink);
    assembler.end();
  } catch (error) {
    return { refused: error, records, report: undefined };
  }
  return { refused: undefined, records, report: parser.report() };
}

// The whole lot takes some 40 ms: 10,000 times would be seven minutes. So 9,850 flips run over its
// first 24 KB (MIR to the first parts with results) and 150 over all of it.
describe.skipIf(lot2Missing)(
  `10,000 random byte flips over the real lot${lot2Missing ? ` (${lot2Missing})` : ''}`,
  () => {
    it.each([
      ['its first 24 KB', 9850, 24_000],
      ['all of it', 150, Number.POSITIVE_INFINITY],
    ])('never crash or hang, and always leave a report: %s, %i flips', (_, flips, length) => {
      const original = lot2().subarray(0, length);
      const sound = survive(original).records;
      const next = random(20011);
      let worst = sound;
      for (let i = 0; i < flips; i++) {
        const at = Math.floor(next() * original.length);
        const before = original[at] ?? 0;
        original[at] = before ^ (1 + Math.floor(next() * 255));
        const { refused, records, report } = survive(original);
        original[at] = before;
        if (at < 6) {
          if (refused !== undefined) expect(refused).toMatchObject({ code: 'invalid_data' });
          continue;
        }
        expect(refused).toBeUndefined();
        expect(report?.bytes).toBe(original.length);
        worst = Math.min(worst, records);
      }
      // One wrong byte costs its own record and at most a few beside it.
      expect(worst).toBeGreaterThan(sound - 5);
    });

    it('and gzip cut in half gives half the lot', async () => {
      const packed = lot2Gzip();
      const { records, report } = await readAll(packed.subarray(0, packed.length / 2));
      expect(records.length).toBeGreaterThan(20_000);
      expect(kinds(report)).toContain('truncated_packing');
    });
  },
);
