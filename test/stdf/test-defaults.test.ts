import { describe, expect, it } from 'vitest';
import { NO_LIMITS } from '../../src/stdf/limits-and-display.js';
import type { StdfRecord } from '../../src/stdf/records.js';
import { createTestDefaults } from '../../src/stdf/test-defaults.js';
import { ptr } from './support.js';

const first = ptr(1, 0, {
  testTxt: 'vdd',
  optFlag: 0x0e,
  resScal: 3,
  llmScal: 3,
  hlmScal: 3,
  loLimit: 1,
  hiLimit: 2,
  units: 'V',
  cResfmt: '%7.2f',
});

/** What a second record of the test resolves to. */
function second(more: Parameters<typeof ptr>[2]) {
  const defaults = createTestDefaults();
  defaults.resolve(first);
  return defaults.resolve(ptr(1, 0, more));
}

describe('the defaults of a test', () => {
  it('are those of its first record: a short record takes them all', () => {
    const { tests, limits, display } = second({});
    expect(limits).toEqual({ lo: 1, hi: 2, loSpec: undefined, hiSpec: undefined });
    expect(display).toMatchObject({ units: 'V', resultScale: 3, resultFormat: '%7.2f' });
    expect(limits).toBe(tests[0]?.limits);
  });

  it('hold for another site too', () => {
    expect(second({ siteNum: 4 }).limits.lo).toBe(1);
  });

  it.each([
    ['bits 4 and 5: the default, whatever the field holds', { optFlag: 0x3e, loLimit: 9, hiLimit: 9 }, 1, 2],
    ['bits 6 and 7: no limit at all', { optFlag: 0xce, loLimit: 9, hiLimit: 9 }, undefined, undefined],
    ['no bit: the values of this record', { optFlag: 0x0e, loLimit: 8, hiLimit: 9 }, 8, 9],
    [
      'NaN and infinity: no limit',
      { optFlag: 0x0e, loLimit: Number.NaN, hiLimit: Infinity },
      undefined,
      undefined,
    ],
  ])('OPT_FLAG %s', (_, more, lo, hi) => {
    expect(second(more).limits).toMatchObject({ lo, hi });
  });

  it('are not changed by a later record that has its own', () => {
    const defaults = createTestDefaults();
    defaults.resolve(first);
    defaults.resolve(ptr(1, 0, { optFlag: 0x0e, loLimit: 8, hiLimit: 9, units: 'mV' }));
    expect(defaults.resolve(ptr(1, 0)).limits).toMatchObject({ lo: 1, hi: 2 });
  });

  it('are none where the first record itself says "use the default"', () => {
    const defaults = createTestDefaults();
    const { limits } = defaults.resolve(
      ptr(1, 0, { optFlag: 0x3f, resScal: 0, llmScal: 0, hlmScal: 0, loLimit: 5, hiLimit: 6 }),
    );
    expect(limits).toMatchObject({ lo: undefined, hi: undefined });
  });

  it('empty units take the default, a single NUL means empty', () => {
    expect(second({ units: '' }).display.units).toBe('V');
    expect(second({ units: '\0' }).display.units).toBe('');
  });

  it('leave the record as it was', () => {
    const record = Object.freeze(ptr(1, 0));
    const defaults = createTestDefaults();
    defaults.resolve(first);
    expect(defaults.resolve(record).limits.lo).toBe(1);
    expect(record.loLimit).toBeUndefined();
  });
});

describe('which test it is', () => {
  it('one number with two texts is two tests; an empty text is the first of the number', () => {
    const defaults = createTestDefaults();
    const indexes = [
      first,
      ptr(1, 0, { testTxt: 'vss' }),
      ptr(1, 0),
      ptr(1, 0, { testTxt: 'vss' }),
      ptr(2, 0),
    ].map((record) => defaults.resolve(record).tests[0]?.index);
    expect(indexes).toEqual([0, 1, 0, 1, 2]);
    expect(defaults.tests().map(({ testNum, testTxt }) => `${testNum} ${testTxt}`)).toEqual([
      '1 vdd',
      '1 vss',
      '2 ',
    ]);
  });

  it('a PTR and an FTR with one number are two tests', () => {
    const defaults = createTestDefaults();
    defaults.resolve(first);
    const ftr = { type: 'Ftr', testNum: 1, headNum: 1, siteNum: 0, testFlg: 0 } as const;
    expect(defaults.resolve(ftr).tests[0]).toMatchObject({ index: 1, kind: 'Ftr' });
  });

  it('a name is the same however it is padded', () => {
    const defaults = createTestDefaults();
    const texts = ['vdd', 'vdd  ', ' vdd', '   '].map((testTxt) => ptr(1, 0, { testTxt }));
    expect(texts.map((record) => defaults.resolve(record).tests[0]?.index)).toEqual([0, 0, 0, 0]);
  });

  it('name, limits and unit may come with a later record only', () => {
    const defaults = createTestDefaults();
    const [test] = defaults.resolve(ptr(1, 0, { testFlg: 0x10 })).tests;
    expect(test).toMatchObject({ testTxt: '', limits: NO_LIMITS });
    const before = defaults.revision();
    defaults.resolve(first);
    expect(defaults.revision(), 'what was resolved before is stale').toBeGreaterThan(before);
    expect(test).toMatchObject({ testTxt: 'vdd', limits: { lo: 1, hi: 2 }, display: { units: 'V' } });
    expect(defaults.tests()).toHaveLength(1);
  });

  it('a test whose records have no name takes that of its summary, if its number is not shared', () => {
    const defaults = createTestDefaults();
    const tsr = { type: 'Tsr', headNum: 255, siteNum: 0, testTyp: 'P', testNum: 1, testNam: 'vdd ' } as const;
    defaults.resolve(ptr(1, 0));
    defaults.summary(tsr);
    defaults.summary({ ...tsr, testNam: 'other' });
    expect(defaults.tests()).toMatchObject([{ testTxt: 'vdd ' }]);
  });
});

describe('the positions of an MPR', () => {
  const mpr = (rtnRslt: number[], rtnIndx: number[], siteNum = 1): StdfRecord<'Mpr'> => ({
    type: 'Mpr',
    testNum: 200,
    headNum: 1,
    siteNum,
    testFlg: 0,
    parmFlg: 0,
    rtnRslt,
    rtnIndx,
    testTxt: 'leak',
  });
  const pmr = (pmrIndx: number, logNam: string): StdfRecord<'Pmr'> => ({ type: 'Pmr', pmrIndx, logNam });
  const said = (tests: readonly { index: number; position: number | undefined; pin: string | undefined }[]) =>
    tests.map(({ index, position, pin }) => [index, position, pin]);

  it('are a test each, counted from 1, and as many as the longest record has', () => {
    const defaults = createTestDefaults();
    expect(said(defaults.resolve(mpr([1, 2], [7, 9])).tests)).toEqual([
      [0, 1, undefined],
      [1, 2, undefined],
    ]);
    expect(said(defaults.resolve(mpr([1, 2, 3], [])).tests)).toEqual([
      [0, 1, undefined],
      [1, 2, undefined],
      [2, 3, undefined],
    ]);
    expect(defaults.tests()).toHaveLength(3);
  });

  it('have the names of their pins, whatever index a site has for them and in whatever order they come', () => {
    const defaults = createTestDefaults();
    for (const [index, name] of [
      [1, 'VDD'],
      [2, 'VSS'],
      [33, 'VDD'],
      [34, 'VSS'],
    ] as const) {
      defaults.pin(pmr(index, name));
    }
    const there = [
      [0, 1, 'VDD'],
      [1, 2, 'VSS'],
    ];
    expect(said(defaults.resolve(mpr([1, 2], [1, 2])).tests)).toEqual(there);
    expect(said(defaults.resolve(mpr([1, 2], [33, 34], 2)).tests)).toEqual(there);
    expect(said(defaults.resolve(mpr([1, 2], [2, 1])).tests)).toEqual([...there].reverse());
    expect(defaults.tests()).toHaveLength(2);
  });
});
