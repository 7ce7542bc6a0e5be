import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createDieRegister } from '../../../src/lots/dies/die-register.js';
import type { LotPass } from '../../../src/lots/dies/lot-key.js';
import type { TouchedPart } from '../../../src/lots/dies/touchdown.js';
import type { Wafer } from '../../../src/stdf/stdf.js';

const wafer = (waferId: string | undefined, index = 0): Wafer => ({
  index,
  wir: { type: 'Wir', headNum: 1, siteGrp: 255, startT: 1, waferId },
  wrr: undefined,
  wrrs: [],
  waferId,
});
const W1 = wafer('W1');

/** Parts that were tested one after the other at one site. */
function parts(given: readonly Partial<TouchedPart>[]): TouchedPart[] {
  return given.map((more, index) => ({
    index,
    openedAfter: index,
    headNum: 1,
    siteNum: 1,
    end: 'ended',
    wafer: undefined,
    x: undefined,
    y: undefined,
    partId: undefined,
    verdict: 'pass',
    hardBin: 1,
    retestFlag: undefined,
    ...more,
  }));
}

const PASS: LotPass = { startedAt: 100, retests: undefined };

function tell(...passes: (readonly Partial<TouchedPart>[] | [LotPass, readonly Partial<TouchedPart>[]])[]) {
  const register = createDieRegister();
  for (const given of passes) {
    const [pass, touched] = isPass(given) ? given : [PASS, given];
    register.begin(pass);
    for (const part of parts(touched)) register.add(part);
  }
  return register.finish();
}

function isPass(
  given: readonly Partial<TouchedPart>[] | [LotPass, readonly Partial<TouchedPart>[]],
): given is [LotPass, readonly Partial<TouchedPart>[]] {
  return given.length === 2 && Array.isArray(given[1]);
}

const failed = { verdict: 'fail', hardBin: 2 } as const;

describe('a die on a wafer', () => {
  it('is its place, however its ids count, and its last touchdown is final', () => {
    const dies = tell([
      { wafer: W1, x: 1, y: 1, partId: '1', ...failed },
      { wafer: W1, x: 2, y: 1, partId: '2' },
      { wafer: W1, x: 1, y: 1, partId: '3' },
    ]);
    expect(dies).toMatchObject({ dies: 2, naming: { byPosition: true } });
    expect([...dies.replaces]).toEqual([-1, -1, 0]);
    expect([...dies.replacedBy]).toEqual([2, -1, -1]);
    expect([...dies.touchdowns]).toEqual([1, 1, 2]);
  });

  it('is the same in a second pass over the wafer, and another on another wafer', () => {
    const place = { x: 1, y: 1 };
    expect(
      tell([
        { wafer: W1, ...place },
        { wafer: wafer('W1', 1), ...place },
      ]).dies,
    ).toBe(1);
    expect(
      tell([
        { wafer: W1, ...place },
        { wafer: wafer('W2', 1), ...place },
      ]).dies,
    ).toBe(2);
    expect(
      tell([
        { wafer: wafer(undefined), ...place },
        { wafer: wafer(undefined, 1), ...place },
      ]).dies,
    ).toBe(2);
  });

  it.each([0, -1])('is not its place where all parts are at %i,%i', (at) => {
    const dies = tell(['1', '2', '3'].map((partId) => ({ wafer: W1, x: at, y: at, partId })));
    expect(dies).toMatchObject({ dies: 3, naming: { byPosition: false, byPartId: 'part_id' } });
  });

  it('may be tested at one place again and again, if that is a place', () => {
    expect(tell([1, 2, 3].map(() => ({ wafer: W1, x: 3, y: 4 }))).dies).toBe(1);
  });
});

describe('a packaged part', () => {
  it('is its id, whatever its coordinates, and a fail that comes again is a retest', () => {
    const dies = tell([
      { x: 1, y: 1, partId: '1', ...failed },
      { x: 1, y: 1, partId: '2' },
      { x: 5, y: 5, partId: '1' },
    ]);
    expect(dies.dies).toBe(2);
    expect([...dies.replaces]).toEqual([-1, -1, 0]);
  });

  it('is its id and site where ids are counted for each site', () => {
    const sites = [1, 2, 3, 4];
    const ids = Array.from({ length: 25 }, (_, id) => String(id + 1));
    const touched = ids.flatMap((partId, round) =>
      sites.map((siteNum) => ({ siteNum, partId, openedAfter: 4 * round })),
    );
    expect(tell(touched)).toMatchObject({ dies: 100, naming: { byPartId: 'part_id_of_site' } });
  });

  it('is itself only where ids come again after parts that passed', () => {
    const touched = Array.from({ length: 80 }, (_, i) => ({ partId: String(1 + (i % 4)) }));
    expect(tell(touched)).toMatchObject({ dies: 80, naming: { byPartId: 'nothing' } });
  });

  it('that says itself that its id came before is believed where ids name nothing', () => {
    const touched = Array.from({ length: 20 }, (_, i) => ({ partId: String(1 + (i % 4)) }));
    expect(tell([...touched, { partId: '2', retestFlag: 'part_id' as const }]).dies).toBe(20);
  });

  it('is known by its place where no part has an id', () => {
    expect(
      tell([
        { x: 1, y: 1, ...failed },
        { x: 2, y: 1 },
        { x: 1, y: 1 },
      ]).dies,
    ).toBe(2);
  });
});

describe('parts that were on test together', () => {
  it('are never one die, whatever names them', () => {
    const two = [
      { partId: '1', siteNum: 1, openedAfter: 0, ...failed },
      { partId: '1', siteNum: 2, openedAfter: 0 },
    ];
    expect(tell(two).dies).toBe(2);
    expect(tell(two.map((part) => ({ ...part, wafer: W1, x: 1, y: 2 }))).dies).toBe(2);
  });
});

describe('several passes of a lot', () => {
  const first = [
    { wafer: W1, x: 1, y: 1, partId: '1', ...failed },
    { wafer: W1, x: 2, y: 1, partId: '2' },
  ];
  const again = [{ wafer: W1, x: 1, y: 1, partId: '1' }];
  const retest: LotPass = { startedAt: 100, retests: new Set([2]) };

  it('are one: the retest is final, in whatever order the files are given', () => {
    const inOrder = tell([PASS, first], [retest, again]);
    expect([inOrder.dies, ...inOrder.replaces]).toEqual([2, -1, -1, 0]);
    const turned = tell([retest, again], [PASS, first]);
    expect([turned.dies, ...turned.replaces]).toEqual([2, 1, -1, -1]);
    const byTime = tell([{ ...PASS, startedAt: 200 }, again], [PASS, first]);
    expect([...byTime.replaces]).toEqual([1, -1, -1]);
  });

  it('of packaged parts are joined by id where the retest is of the bins that those parts were in', () => {
    const packaged = first.map(({ partId, ...rest }) => ({ ...rest, wafer: undefined, partId }));
    expect(tell([PASS, packaged], [retest, [{ partId: '1' }]]).dies).toBe(2);
    // Of the parts that passed: the second file counts its ids anew.
    expect(tell([PASS, packaged], [retest, [{ partId: '2' }]])).toMatchObject({
      dies: 3,
      naming: { byPartId: 'part_id_of_file' },
    });
  });
});

it('law: every entry is the first of a die or replaces one earlier entry, which names it back', () => {
  const part = fc.record({
    siteNum: fc.integer({ min: 0, max: 2 }),
    wafer: fc.constantFrom(undefined, W1, wafer('W2', 1), wafer(undefined, 2)),
    x: fc.constantFrom(undefined, -1, 0, 1),
    y: fc.constantFrom(undefined, -1, 0, 1),
    partId: fc.constantFrom(undefined, '1', '2'),
    verdict: fc.constantFrom('pass' as const, 'fail' as const, 'none' as const),
    end: fc.constantFrom('ended' as const, 'ended' as const, 'not_ended' as const),
    retestFlag: fc.constantFrom(undefined, 'part_id' as const, 'position' as const),
  });
  fc.assert(
    fc.property(fc.array(fc.array(part, { maxLength: 12 }), { minLength: 1, maxLength: 3 }), (passes) => {
      const { dies, replaces, replacedBy, touchdowns } = tell(
        ...passes.map((touched) => [PASS, touched] as [LotPass, typeof touched]),
      );
      expect(replaces.filter((earlier) => earlier < 0)).toHaveLength(dies);
      replaces.forEach((earlier, entry) => {
        if (earlier < 0) expect(touchdowns[entry]).toBe(1);
        else {
          expect(replacedBy[earlier]).toBe(entry);
          expect(touchdowns[entry]).toBe((touchdowns[earlier] ?? 0) + 1);
        }
      });
    }),
  );
});
