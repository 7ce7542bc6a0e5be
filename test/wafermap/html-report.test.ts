import { describe, expect, it, test } from 'vitest';
import { htmlReport } from '../../src/wafermap/html-report.js';
import { BELOW_COLORS, STATUS_COLORS } from '../../src/wafermap/palette.js';
import { failing, mapDie, missed, roundWafer, unscored, waferMap } from './maps.js';

const summary = { facts: [['model', 'm/1']], notes: ['a note'] } as const;
const report = (...wafers: Parameters<typeof htmlReport>[0]['wafers']) =>
  htmlReport({ title: 'Lot LOT', wafers, summary });

/** The places of the dies filled with a colour, in columns and rows of the picture. */
function filled(html: string, color: string): string[] {
  const paths = [...html.matchAll(new RegExp(`fill="${color}" d="([^"]*)"`, 'g'))];
  return paths.flatMap(([, d]) =>
    [...(d ?? '').matchAll(/M([\d.]+ [\d.]+)h/g)].map(([, place]) => place ?? ''),
  );
}

const tips = (html: string) => [...html.matchAll(/<title>([^<]*)<\/title><\/path>/g)].map(([, tip]) => tip);

describe('the HTML report', () => {
  it('needs nothing but itself: no script, no link, nothing to fetch', () => {
    const html = report(roundWafer(9), roundWafer(8));
    expect(html).not.toMatch(/<script|<link|<img|<iframe|@import|url\(|src=/);
    expect(html.match(/https?:\/\/[^"]*/g)?.every((url) => url === 'http://www.w3.org/2000/svg')).toBe(true);
    expect(html).toContain(`content="default-src 'none'; style-src 'unsafe-inline'"`);
  });

  test.each([
    { xGrowsLeft: false, yGrowsUp: false, at: '0 0' },
    { xGrowsLeft: true, yGrowsUp: false, at: '2 0' },
    { xGrowsLeft: false, yGrowsUp: true, at: '0 1' },
    { xGrowsLeft: true, yGrowsUp: true, at: '2 1' },
  ])('draws a die where it is on the wafer: x left $xGrowsLeft, y up $yGrowsUp', ({ at, ...axes }) => {
    const html = report(waferMap([mapDie(5, -7, failing), mapDie(7, -6)], axes));
    expect(filled(html, STATUS_COLORS.fail)).toEqual([at]);
    expect(html).toContain(
      `x grows ${axes.xGrowsLeft ? 'left' : 'right'}, y grows ${axes.yGrowsUp ? 'up' : 'down'}`,
    );
  });

  it('has both maps of a wafer: every die by its status, every score by its colour', () => {
    const html = report(
      waferMap([mapDie(0, 0), mapDie(1, 0, failing), mapDie(0, 1, missed), mapDie(1, 1, unscored)]),
    );
    expect(filled(html, STATUS_COLORS.pass)).toEqual(['0 0']);
    expect(filled(html, STATUS_COLORS.fail)).toEqual(['1 0']);
    expect(filled(html, STATUS_COLORS.missed)).toEqual(['0 1']);
    expect(filled(html, STATUS_COLORS.unscored)).toEqual(['1 1']);
    const quiet = BELOW_COLORS.flatMap((color) => filled(html, color));
    expect(quiet.sort()).toEqual(['0 0', '0 1']);
  });

  it('names die, place, score, bin and the reasons in the tool-tip of a die', () => {
    const reasons = ['1040 VOH: 2.3 V (limits 2.4 to 3.6, expected 2.9), 41%'];
    const html = report(waferMap([mapDie(5, -7, { ...failing, dieId: 'W1_x5y-7', reasons })]));
    expect(tips(html)).toEqual([
      `W1_x5y-7\nx 5, y -7\nfail: score 3, threshold 1\ntester: fail, hard bin 8\n${reasons[0]}`,
    ]);
  });

  it('escapes what a lot file says', () => {
    const hostile = `</title><script>alert("1")</script>&'\u001b[2J`;
    const dies = [mapDie(0, 0, { dieId: hostile, reasons: [hostile] })];
    const html = htmlReport({
      title: hostile,
      wafers: [waferMap(dies, { waferId: hostile, lotId: hostile })],
      summary: { facts: [[hostile, hostile]], notes: [hostile] },
    });
    expect(html).not.toContain('<script');
    expect(html).not.toContain('alert("1")');
    expect(html).not.toMatch(/[^\P{Cc}\n]/u);
    expect(tips(html)[0]).toContain('&#60;/title&#62;');
  });

  test.each(['up', 'down', 'left', 'right'] as const)(
    'says and draws a flat or notch on the side "%s"',
    (flat) => {
      const turn = { right: 0, down: 90, left: 180, up: 270 }[flat];
      const html = report({ ...roundWafer(12), flat });
      expect(html).toContain(`flat or notch ${flat}`);
      expect(html.split(`transform="rotate(${turn})"`)).toHaveLength(3);
    },
  );

  it('stays small for a wafer of 20,000 dies, and says what its tool-tips leave out', () => {
    const map = roundWafer(160);
    const html = report(map);
    expect(map.dies.length).toBeGreaterThan(20_000);
    expect(html.length).toBeLessThan(5_000_000);
    expect(tips(html)).toHaveLength(map.dies.length);
    expect(html).toContain('dies that fail or disagree name the tests');
  });

  it('lists the wafers of a lot with their figures before their maps', () => {
    const html = report(roundWafer(6), { ...roundWafer(6), waferId: 'W2' });
    expect(html).toContain('<a href="#wafer-2">Wafer W2, lot LOT</a>');
    // One more for the wafers of the lot, stacked.
    expect(html.match(/<svg /g)).toHaveLength(3);
    expect(html).toContain('2 wafers stacked, lot LOT');
  });

  it('has one colour scale for all wafers, so that a colour means the same on each', () => {
    const calm = waferMap([mapDie(0, 0, { score: 0.1 }), mapDie(1, 0, { score: 0.9 })], { waferId: 'calm' });
    const wild = waferMap([mapDie(0, 0, { ...failing, score: 90 }), mapDie(1, 0, { score: 0.1 })], {
      waferId: 'wild',
    });
    const ends = [...report(calm, wild).matchAll(/>(> [\d.e+-]+)<\/text>/g)].map(([, end]) => end);
    expect(ends).toEqual(['> 36.59', '> 36.59']);
  });

  it('stacks the wafers of a lot: how often the die at a place fails', () => {
    const bad = { ...failing };
    const html = report(
      waferMap([mapDie(0, 0, bad), mapDie(1, 0)], { waferId: 'A' }),
      waferMap([mapDie(0, 0, bad), mapDie(1, 0, missed)], { waferId: 'B' }),
      waferMap([mapDie(0, 0, unscored)], { waferId: 'C' }),
    );
    expect(html).toContain('x 0, y 0\ntester failed 2 of 3 wafers\nmodel failed 2 of 2 scored');
    expect(html).toContain('x 1, y 0\ntester failed 1 of 2 wafers\nmodel failed 0 of 2 scored');
  });

  it('has tables, escaped and scrolling on a narrow screen, instead of maps where no die has coordinates', () => {
    const tables = [
      { title: 'By <site>', columns: [{ title: 'site', align: 'left' as const }], rows: [['<b>1</b>']] },
      { title: 'Empty', columns: [], rows: [] },
    ];
    const html = htmlReport({ title: 'T', wafers: [], tables, summary: { facts: [], notes: [] } });
    expect(html).toContain('<h2>By &#60;site&#62;</h2>');
    expect(html).toContain('<td class="l">&#60;b&#62;1&#60;/b&#62;</td>');
    expect(html).toContain('<div class="scroll"><table>');
    expect(html).not.toContain('Empty');
    expect(html).toContain('No die has coordinates: there are no wafer maps.');
  });

  it('says so for a wafer without coordinates', () => {
    expect(report(waferMap([]))).toContain('No die of this wafer has coordinates.');
  });
});
