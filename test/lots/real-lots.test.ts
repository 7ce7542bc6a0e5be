import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { inspectCommand } from '../../src/cli/inspect.js';
import { scoreCommand } from '../../src/cli/score.js';
import { trainCommand } from '../../src/cli/train.js';
import { TestsRefused } from '../../src/lots/tests/refusal.js';
import { problemsOf, runCommand } from '../cli/support.js';
import { temporaryFolder } from '../support/models.js';
import { WORKER } from '../support/pool.js';
import { runWithOrt } from '../training/score-with-ort.js';

/** Lots that each have one thing that real testers do; the README there says what is right. */
const LOTS = fileURLToPath(new URL('../../../shared/data/lots/', import.meta.url));
const lot = (name: string) => join(LOTS, `${name}.stdf.gz`);

async function inspected(name: string) {
  const { out } = await runCommand((streams) => inspectCommand({ streams }), [lot(name), '--json']);
  const found = JSON.parse(out);
  return found.lots ?? [found];
}

const train = (args: readonly string[]) =>
  runCommand(
    (streams) =>
      trainCommand({
        streams,
        scoreDies: async (file, params, width) => (await runWithOrt(file, params, width)).scores,
      }),
    args,
  );
const score = (args: readonly string[]) =>
  runCommand((streams) => scoreCommand({ streams, workerEntry: WORKER }), args);

describe.skipIf(!existsSync(LOTS))('inspect tells whose die a part is', () => {
  it.each([
    [
      'concat-two-lots-members',
      [
        [64, 0],
        [64, 0],
      ],
    ],
    ['ft-xy-zero', [[80, 0]]],
    ['ft-xy-minus1', [[80, 0]]],
    ['ft-id-per-site', [[80, 0]]],
    ['second-wir', [[64, 5]]],
    ['b-two_sites00', [[2, 0]]],
    ['b-ft_persite', [[100, 0]]],
    ['b-w_255', [[80, 0]]],
  ])('%s: dies and dies tested again of each lot are %j', async (name, expected) => {
    const lots = await inspected(name);
    expect(
      lots.map((each: { parts: { dies: number }; retests: { dies: number } }) => [
        each.parts.dies,
        each.retests.dies,
      ]),
    ).toEqual(expected);
  });

  it('b-w_255: two wafers of 40; second-wir: one', async () => {
    const [two] = await inspected('b-w_255');
    expect(two.wafers.map(({ wafer, dies }: { wafer: string; dies: number }) => [wafer, dies])).toEqual([
      ['WA', 40],
      ['WB', 40],
    ]);
    const [one] = await inspected('second-wir');
    expect(one.wafers).toHaveLength(1);
  });

  it('ft-xy-zero: the yield is of 80 dies', async () => {
    const [{ parts }] = await inspected('ft-xy-zero');
    expect(parts.lastYield).toBe(0.925);
  });
});

describe.skipIf(!existsSync(LOTS))('inspect tells whose test a value is', () => {
  it.each([
    [
      'b-lateLimits',
      [
        [1001, 'T1'],
        [1002, 'T2'],
        [1003, 'T3'],
      ],
    ],
    [
      'b-lateTxt',
      [
        [1001, 'T1'],
        [1002, 'T2'],
        [1003, 'T3'],
      ],
    ],
    [
      'b-blankTxt',
      [
        [1001, 'T1'],
        [1002, 'T2'],
        [1003, 'T3'],
      ],
    ],
  ])('%s: one test each, with limits and unit', async (name, expected) => {
    const [{ tests }] = await inspected(name);
    expect(tests.map(({ number, name: text }: { number: number; name: string }) => [number, text])).toEqual(
      expected,
    );
    expect(tests[0]).toMatchObject({ lowLimit: 0, highLimit: 2, units: 'V' });
  });

  it('mpr-nan: a NaN costs its pin only', async () => {
    const [{ tests }] = await inspected('mpr-nan');
    expect(
      tests.map(({ position, values }: { position: number; values: number }) => [position, values]),
    ).toEqual([
      [1, 64],
      [2, 64],
      [3, 0],
      [4, 64],
    ]);
  });

  it('limits-change: both limits and the part from which each holds', async () => {
    const [{ tests }] = await inspected('limits-change');
    const { from, changes } = tests.find(({ number }: { number: number }) => number === 100).limitChanges;
    expect(changes).toBe(1);
    expect(from.map(({ highLimit }: { highLimit: number }) => Math.fround(highLimit))).toEqual([
      Math.fround(1.6),
      Math.fround(1.51),
    ]);
    expect(from[1].part).toBeGreaterThan(0);
  });

  it('b-twice, b-one_ftr: a record that ran no test wipes no value', async () => {
    const [{ tests }] = await inspected('b-twice');
    expect(tests.map(({ values }: { values: number }) => values)).toEqual([30, 30]);
  });
});

describe.skipIf(!existsSync(LOTS))('inspect tells what else the samples have', () => {
  interface Counted {
    readonly number: number;
    readonly position?: number;
    readonly failed: number;
  }

  it('sites: yield by site, and the test whose mean differs between them', async () => {
    const [{ sites, tests }] = await inspected('sites');
    expect(sites.map(({ site, yield: share }: { site: number; yield: number }) => [site, share])).toEqual([
      [1, 1],
      [2, 1],
      [3, 1],
      [4, 0.5],
    ]);
    expect(
      tests[0].sites.map(({ site, values }: { site: string; values: number }) => [site, values]),
    ).toEqual([
      ['1/1', 16],
      ['1/2', 16],
      ['1/3', 16],
      ['1/4', 16],
    ]);
    const { out } = await runCommand((streams) => inspectCommand({ streams }), [lot('sites')]);
    expect(out).toMatch(/tests whose mean differs by site:\n.*\n +101 {2}T1 .* 1\/4 +1\.50/);
  });

  it('claims: PCR and WRR that contradict the parts, also where the lot is scored', async () => {
    const expected = [
      ['PCR PART_CNT', 100, 64],
      ['PCR GOOD_CNT', 90, 64],
      ['WRR PART_CNT of wafer W01', 100, 64],
      ['WRR GOOD_CNT of wafer W01', 90, 64],
    ];
    const rows = (claims: { record: string; stated: number; found: number }[]) =>
      claims.map(({ record, stated, found }) => [record, stated, found]);
    const [{ claims }] = await inspected('claims');
    expect(rows(claims)).toEqual(expected);
    const model = join(await temporaryFolder(), 'claims', '1');
    await train([lot('claims'), '--out', model]);
    const { out } = await score([lot('claims'), '--model', model, '--json']);
    expect(rows(JSON.parse(out).lots[0].claims)).toEqual(expected);
  });

  it('second-wir: what its two WRRs say of their passes is no contradiction', async () => {
    const [{ claims }] = await inspected('second-wir');
    expect(claims).toEqual([]);
  });

  it('mpr-pin3: a failed record counts on the pin that failed', async () => {
    const [{ tests }] = await inspected('mpr-pin3');
    const leak = tests.filter(({ number }: Counted) => number === 200);
    expect(leak.map(({ position, failed }: Counted) => [position, failed])).toEqual([
      [1, 0],
      [2, 0],
      [3, 5],
      [4, 0],
    ]);
  });

  it('ftr-fails: the fail is visible by test', async () => {
    const [{ tests }] = await inspected('ftr-fails');
    expect(tests.map(({ number, failed }: Counted) => [number, failed])).toEqual([
      [100, 0],
      [101, 0],
      [300, 5],
      [301, 0],
    ]);
  });

  it('v4-2007: its records are skipped and counted, and harm nothing', async () => {
    const [{ parts, report, softBins }] = await inspected('v4-2007');
    expect(report.unknown.map(({ name, count }: { name: string; count: number }) => [name, count])).toEqual([
      ['Vur', 1],
      ['Str', 64],
    ]);
    expect(report).toMatchObject({ intact: true });
    const { out } = await runCommand((streams) => inspectCommand({ streams }), [lot('v4-2007')]);
    expect(out).toContain('skipped 64 records Str (V4-2007), first at byte 252: results of scan tests');
    expect(parts).toMatchObject({ total: 64, failed: 5 });
    expect(softBins[1]).toMatchObject({ bin: 2, failed: 5 });
  });

  it('enc: names and units in UTF-8 as written, those of windows-1252 as its program wrote them', async () => {
    const [{ tests }] = await inspected('enc');
    expect(tests.map(({ units }: { units: string }) => units)).toEqual(['\u00b5A', '\u00b0C']);
    const { out } = await runCommand((streams) => inspectCommand({ streams }), [lot('enc')]);
    expect(out).toMatch(/ 1 {2}Suite \u2013 CONT +\u00b5A /);
  });

  it('scales: 1.2 mA where the tester shows 1.2 mA', async () => {
    const { out } = await runCommand((streams) => inspectCommand({ streams }), [lot('scales')]);
    expect(out).toMatch(/ 1 {2}IDD +mA +1\.000 +1\.400 .* 1\.200 /);
    expect(out).toMatch(/ 2 {2}ILEAK +nA +-5\.000 +5\.000 /);
    expect(out).toMatch(/ 3 {2}FOSC +MHz +12\.000 +13\.000 /);
    expect(out).toMatch(/ 4 {2}EFF +% +90\.000 +100\.000 /);
  });

  it('plain.stdf.bz2 and b-padded-one-zero are read whole', async () => {
    const bzip2 = join(LOTS, 'plain.stdf.bz2');
    const { out } = await runCommand((streams) => inspectCommand({ streams }), [bzip2, '--json']);
    expect(JSON.parse(out).report.intact).toBe(true);
    const [{ report, parts }] = await inspected('b-padded-one-zero');
    expect(report.intact).toBe(true);
    expect(parts.total).toBeGreaterThan(0);
  });

  it('b-dyn2: limits of each part of its own', async () => {
    const [{ tests }] = await inspected('b-dyn2');
    expect(tests[0].limitChanges.from).toMatchObject([
      { lowLimit: 0, highLimit: 2 },
      { lowLimit: 0.5, highLimit: 1.5 },
    ]);
  });

  it.each<[string, number, readonly (readonly (string | number | undefined)[])[]]>([
    ['b-mv', 100, [1001, 1002, 1003].map((number) => [number, `T${number - 1000}`, undefined, 'mV', 100])],
    // The functional test of a number that a parametric one has, too, is a test of its own.
    [
      'b-one_ftr',
      1,
      [
        ...[1001, 1002, 1003].map((number) => [number, `T${number - 1000}`, undefined, '', 1]),
        [1002, '', undefined, '', 0],
      ],
    ],
    ['lot1-retest', 5, [0, 1, 2, 3, 4, 5].map((i) => [100 + i, `T${i}`, undefined, 'V', 5])],
    [
      'mpr-sweep',
      64,
      [...[1, 2, 3, 4, 5, 6].map((point) => [200, 'sweep', point, 'V', 64]), [100, 'V1', undefined, 'V', 64]],
    ],
    [
      'b-pins',
      100,
      [1, 2, 3].flatMap((n) => ['A', 'B'].map((pin) => [1000 + n, `VOH_${n}:${pin}`, undefined, 'V', 100])),
    ],
    [
      'b-reused',
      100,
      [
        [1001, 'T1', undefined, 'V', 100],
        [1002, 'FREQ_OSC', undefined, 'Hz', 100],
        [1003, 'T3', undefined, 'V', 100],
      ],
    ],
  ])('%s: %i parts, all of them good, with these tests, units and values', async (name, dies, expected) => {
    const [{ report, claims, parts, hardBins, tests }] = await inspected(name);
    expect([report.intact, claims]).toEqual([true, []]);
    expect(parts).toMatchObject({ total: dies, dies, passed: dies, failed: 0 });
    expect(hardBins).toMatchObject([{ bin: 1, passed: dies, failed: 0 }]);
    const found = tests.map(({ number, name: text, position, units, values }: Record<string, unknown>) => [
      ...[number, text, position, units, values],
    ]);
    expect(found).toEqual(expected);
  });
});

describe.skipIf(!existsSync(LOTS))('a model of prodA', () => {
  const trainedOnA = async () => {
    const model = join(await temporaryFolder(), 'prod', '1');
    await train([lot('prodA'), '--out', model]);
    return model;
  };

  it('scores prodA-mV with its unit converted, and says so', async () => {
    const { out } = await score([lot('prodA-mV'), '--model', await trainedOnA(), '--json']);
    const [found] = JSON.parse(out).lots;
    expect(found.parts).toMatchObject({ parts: 64, scored: 64 });
    expect(found.testsConverted).toHaveLength(6);
    expect(found.testsConverted[0]).toMatchObject({ testNumber: 100, unit: 'V', from: 'mV', factor: 0.001 });
  });

  it.each([
    ['prodB-other-names', 'model: 100 T0 [V]; lot: 100 IDD [mA]'],
    ['prodA-renumbered', 'model: 100 T0 [V]; lot: 100 T5 [V], 105 T0 [V]'],
  ])('refuses %s with both sides named', async (name, sides) => {
    const scoring = score([lot(name), '--model', await trainedOnA()]);
    await expect(scoring).rejects.toBeInstanceOf(TestsRefused);
    const problems = await problemsOf(scoring);
    expect(problems[0]).toContain('6 of the 6 tests of model prod/1 are other tests in the lot');
    expect(problems.join('\n')).toContain(sides);
  });
});

describe.skipIf(!existsSync(LOTS))('a model of', () => {
  const trained = async (name: string, ...more: string[]) => {
    const model = join(await temporaryFolder(), 'lot', '1');
    const { out } = await train([lot(name), '--out', model, '--json', ...more]);
    return { model, parameters: JSON.parse(out).parameters as number };
  };
  const scored = async (name: string, model: string, ...more: string[]) => {
    const { out } = await score([lot(name), '--model', model, '--json', ...more]);
    return JSON.parse(out).lots[0];
  };

  it.each([
    ['same-number', 6],
    ['b-pins', 6],
    // The first point of the sweep is the same on all dies.
    ['mpr-sweep', 6],
  ])('%s has %i parameters and scores its lot', async (name, count) => {
    const { model, parameters } = await trained(name);
    expect(parameters).toBe(count);
    expect((await scored(name, model)).parts.notScored).toEqual({});
  });

  it('mpr-pin3 catches 5 of 5, and pin 3 is why', async () => {
    const { model } = await trained('mpr-pin3');
    const found = await scored('mpr-pin3', model);
    expect(found.parts.byTester.fail).toEqual({ scored: 5, predictedFail: 5 });
  });

  it('ftr-fails with --functional: 5 of 5, although no good die fails the functional test', async () => {
    const { model, parameters } = await trained('ftr-fails', '--functional');
    expect(parameters).toBe(4);
    const found = await scored('ftr-fails', model);
    expect(found.parts.byTester.fail).toEqual({ scored: 5, predictedFail: 5 });
  });

  it('v4-2007 says what is skipped, and that nothing is damaged', async () => {
    const { model } = await trained('v4-2007');
    const { out } = await score([lot('v4-2007'), '--model', model]);
    expect(out).toContain('  skipped 64 records Str (V4-2007), first at byte 252: results of scan tests');
    expect(out).not.toContain('damaged');
  });

  it('b-base converts mV, and refuses another test under a number', async () => {
    const { model } = await trained('b-base');
    expect((await scored('b-mv', model)).testsConverted).toHaveLength(3);
    expect((await problemsOf(score([lot('b-reused'), '--model', model]))).join('\n')).toContain(
      'model: 1002 T2 [V]; lot: 1002 FREQ_OSC [Hz]',
    );
  });

  it('site-in-text is refused with a way, and learnt that way: the model remembers it', async () => {
    const problems = await problemsOf(trained('site-in-text'));
    expect(problems.join('\n')).toContain(
      "100 T0_site1: its name names the site, and no other site has it; --strip-name '_site[0-9]+$'",
    );
    const { model, parameters } = await trained('site-in-text', '--strip-name', '_site[0-9]+$');
    expect(parameters).toBe(4);
    expect((await scored('site-in-text', model)).parts.notScored).toEqual({});
  });

  it('lot1 joins its retest: 64 dies, 5 tested again, the last touchdown final', async () => {
    const { model } = await trained('lot1-first');
    const found = await scored('lot1-first', model);
    expect(found.dies.parts).toBe(64);
    const { out } = await score([lot('lot1-retest'), lot('lot1-first'), '--model', model, '--json']);
    const { lots } = JSON.parse(out);
    expect(lots).toHaveLength(1);
    expect(lots[0]).toMatchObject({ retested: 5, parts: { parts: 69 }, dies: { parts: 64 } });
    expect(lots[0].dies.byTester.fail.scored, 'all recovered').toBe(0);
  });
});
