import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it, test } from 'vitest';
import { terminalWaferMap } from '../../src/wafermap/terminal.js';
import { failing, flagged, mapDie, missed, roundWafer, unscored, waferMap } from './maps.js';

const plain = { columns: 80, color: false };

/** The lines of the picture itself, without coordinates: one character for each die, blanks taken out. */
function picture(text: string): string[] {
  const lines = text.split('\n').map((line) => line.replace(/^ *-?\d* /, '').replaceAll(' ', ''));
  return lines.filter((line) => /^[-.~#+!]+$/.test(line));
}

describe('a wafer map on a terminal', () => {
  const corners = [
    mapDie(1, 1, failing),
    mapDie(2, 1, flagged),
    mapDie(1, 2, missed),
    mapDie(2, 2, { ...unscored, testerVerdict: 'fail' }),
  ];

  test.each([
    { xGrowsLeft: false, yGrowsUp: false, seen: ['#+', '!~'] },
    { xGrowsLeft: true, yGrowsUp: false, seen: ['+#', '~!'] },
    { xGrowsLeft: false, yGrowsUp: true, seen: ['!~', '#+'] },
    { xGrowsLeft: true, yGrowsUp: true, seen: ['~!', '+#'] },
  ])('is drawn as the tester counts: x left $xGrowsLeft, y up $yGrowsUp', ({ seen, ...axes }) => {
    expect(picture(terminalWaferMap(waferMap(corners, axes), plain))).toEqual(seen);
  });

  it('tells its wafer, each status that occurs with its count, the yields and the threshold', () => {
    const map = waferMap([...corners, mapDie(3, 1), mapDie(3, 2, unscored)], { flat: 'up' });
    const text = terminalWaferMap(map, plain);
    expect(text).toContain('Wafer W1, lot LOT');
    expect(text).toContain('(flat or notch: up)');
    for (const entry of ['. pass 1', '# fail 1', '+ fail, tester: pass 1', '! pass, tester: fail 1']) {
      expect(text).toContain(entry);
    }
    expect(text).toContain('- not scored 1');
    expect(text).toContain('~ not scored, tester: fail 1');
    expect(text.replaceAll('\n', '   ')).toContain(
      "6 dies, 4 scored   tester's yield 50.0%   model's yield 50.0%   threshold 1",
    );
  });

  it("has the tester's coordinates at its left and below it, where they are round", () => {
    const dies = roundWafer(13).dies.map((die) => ({ ...die, x: die.x - 6, y: die.y + 10 }));
    const lines = terminalWaferMap(waferMap(dies, { yGrowsUp: true }), plain).split('\n');
    expect(lines.filter((line) => /^\d\d? /.test(line)).map((line) => line.slice(0, 3))).toEqual([
      '20 ',
      '15 ',
      '10 ',
    ]);
    const below = lines.find((line) => /^ +-6 /.test(line)) ?? '';
    expect(below.trim().split(/ +/)).toEqual(['-6', '-4', '-2', '0', '2', '4', '6']);
    // The column of x = 0 stands above its label.
    const top = lines.find((line) => line.startsWith('20 ')) ?? '';
    expect(top[below.indexOf(' 0 ') + 1]).toMatch(/[.#]/);
  });

  it('shows the last touchdown of a die', () => {
    const map = waferMap([mapDie(0, 0, failing), mapDie(0, 0)]);
    expect(picture(terminalWaferMap(map, plain))).toEqual(['.']);
  });

  test.each([
    [5, 20],
    [5, 80],
    [43, 80],
    [43, 30],
    [160, 80],
    [160, 200],
    [160, 1],
  ])('%i dies across never leave a terminal of %i columns', (across, columns) => {
    for (const color of [false, true]) {
      const lines = stripVTControlCharacters(terminalWaferMap(roundWafer(across), { columns, color })).split(
        '\n',
      );
      expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(Math.max(20, columns));
      expect(lines.length).toBeLessThan(170);
    }
  });

  it('scaled down, a place shows the worst of its dies, and the map says so', () => {
    const dies = Array.from({ length: 156 }, (_, x) => mapDie(x, 0, x === 7 ? missed : {}));
    const text = terminalWaferMap(waferMap(dies), plain);
    expect(picture(text)).toEqual([`...!${'.'.repeat(74)}`]);
    expect(text).toContain('each place shows the worst of 2 × 4 dies');
  });

  it('in colour, two rows of dies are one line of half blocks', () => {
    const map = waferMap(
      Array.from({ length: 40 }, (_, i) => mapDie(i % 20, Math.floor(i / 20), i < 20 ? {} : failing)),
    );
    const text = terminalWaferMap(map, { columns: 20, color: true });
    expect(text).toContain(`\u001b[38;5;73m\u001b[48;5;202m${'▀'.repeat(20)}\u001b[0m`);
  });

  it('is not rewritten by a hostile wafer id', () => {
    const waferId = '\u001b[2J\u009b31m\r\nEvil\u202e';
    const text = terminalWaferMap(waferMap([mapDie(0, 0)], { waferId }), plain);
    expect(text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\u202e]/u);
    expect(text).toContain('Evil');
  });

  it('is small for coordinates as far apart as a damaged file can say', () => {
    const map = waferMap([mapDie(-32767, -32767), mapDie(32767, 32767, failing)]);
    for (const color of [false, true]) {
      expect(terminalWaferMap(map, { columns: 80, color }).split('\n').length).toBeLessThan(400);
    }
  });

  it('says when no die has coordinates', () => {
    expect(terminalWaferMap(waferMap([]), plain)).toContain('no dies with coordinates');
  });
});
