import { describe, expect, it } from 'vitest';
import { readDieTable } from '../../src/training/table/read-die-table.js';
import { csvFile, problemsOf } from './fixtures.js';

const read = async (text: string | Uint8Array, options = {}) => readDieTable([await csvFile(text)], options);
const problems = (text: string | Uint8Array, options = {}) => problemsOf(() => read(text, options));

describe('a table of dies', () => {
  it('takes columns of numbers as parameters, and leaves context and text columns out', async () => {
    const table = await read(
      'die_id,wafer_id,x,a,note,b,label,defect\nd1,W1,3,1.5,ok,2,pass,\nd2,W1,4,,bad,-3e2,fail,scratch\n',
    );
    expect(table.parameters).toEqual(['a', 'b']);
    expect([...table.values]).toEqual([1.5, 2, Number.NaN, -300]);
    expect([...table.passing]).toEqual([1, 0]);
    expect(table.defects).toEqual([undefined, 'scratch']);
    expect(table.ignoredColumns).toEqual(['note']);
    expect(table.wafers).toEqual(['|W1', '|W1']);
  });

  it.each([
    ['pass', 'fail'],
    ['0', '1'],
    ['-1', '1'],
    ['PASS', 'Fail'],
  ])('reads the labels %s and %s', async (good, bad) => {
    expect([...(await read(`label,a\n${good},1\n${bad},2\n`)).passing]).toEqual([1, 0]);
  });

  it('takes every die for good without a label column', async () => {
    const table = await read('a\n1\n2\n');
    expect([table.labelled, ...table.passing]).toEqual([false, 1, 1]);
  });

  it('takes a BOM, CRLF, quotes and blank lines in its stride', async () => {
    const table = await read('\uFEFF"a","b"\r\n1,"2"\r\n\r\n3,4\r\n');
    expect(table.parameters).toEqual(['a', 'b']);
    expect([...table.values]).toEqual([1, 2, 3, 4]);
  });

  it('takes ranges of parameters and of rows', async () => {
    const text = 'z,s0,s1,s2,t\n1,2,3,4,5\n6,7,8,9,10\n11,12,13,14,15\n';
    const table = await read(text, { parameters: 's0..s2,z', rows: '1,3..9' });
    expect(table.parameters).toEqual(['s0', 's1', 's2', 'z']);
    expect([...table.values]).toEqual([2, 3, 4, 1, 12, 13, 14, 11]);
  });

  it('is a sample of whole wafers, or of dies where none are named, with everything that is known of them', async () => {
    const rows = Array.from({ length: 40 }, (_, die) => `d${die},W${die % 4},${die},${die % 2}`);
    const named = await read(`die_id,wafer_id,a,label\n${rows.join('\n')}\n`, { sample: 25 });
    const left = [...named.values];
    expect([left.length, new Set(named.wafers).size]).toEqual([20, 2]);
    expect(named.wafers).toEqual(left.map((die) => `|W${die % 4}`));
    expect([...named.passing]).toEqual(left.map((die) => 1 - (die % 2)));
    expect(named.sources.map(({ dies }) => dies)).toEqual([20]);
    const unnamed = await read(`a\n${rows.map((_, die) => die).join('\n')}\n`, { sample: 25 });
    expect(unnamed.dies).toBe(25);
    expect(await problems(`wafer_id,a\nW1,1\nW1,2\n`, { sample: 1 })).toEqual([
      expect.stringMatching(/^--sample: found 1, expected at least as many dies as the first wafer/),
    ]);
  });

  it('reads several files as one', async () => {
    const files = [await csvFile('a,b\n1,2\n', 'one.csv'), await csvFile('a,b\n3,4\n', 'two.csv')];
    const table = await readDieTable(files);
    expect([...table.values]).toEqual([1, 2, 3, 4]);
    expect(table.sources.map(({ name, dies }) => ({ name, dies }))).toEqual([
      { name: 'one.csv', dies: 1 },
      { name: 'two.csv', dies: 1 },
    ]);
  });
});

describe('a table that cannot be read is refused with the place and what was expected', () => {
  it.each<[string, string, string, object?]>([
    ['an empty file', '', 'empty, expected a header row'],
    ['a header only', 'a,b\n', 'no dies below the header'],
    ['a duplicate column', 'a,b,a\n1,2,3\n', 'columns 1 and 3 are both named "a"'],
    ['a column without a name', 'a,,c\n1,2,3\n', 'column 2 has no name'],
    ['a ragged row', 'a,b\n1,2\n1,2,3\n', 'dies.csv, line 3: found 3 cells, expected 2'],
    ['a cell that is no number', 'a,b\n1,2\n1,0x1F\n', 'dies.csv, line 3, column "b": found "0x1F"'],
    ['a number beyond float32', 'a,b\n1,2\n1,1e39\n', 'line 3, column "b": found "1e39"'],
    ['Infinity', 'a\n1\nInfinity\n', 'line 3, column "a": found "Infinity"'],
    [
      'a label that is none',
      'label,a\nmaybe,1\n',
      'line 2, column "label": found "maybe", expected pass or fail',
    ],
    ['an empty label', 'label,a\n,1\n', 'line 2, column "label": found ""'],
    ['only text columns', 'a,b\nx,y\n', 'no parameters'],
    ['only context columns', 'die_id,label\n1,pass\n', 'no parameters'],
    ['a missing label column', 'a\n1\n', 'no column "verdict"', { label: 'verdict' }],
    ['a missing parameter', 'a\n1\n', 'no column "b"', { parameters: 'a,b' }],
    ['a range that runs backwards', 'a,b\n1,2\n', 'b..a', { parameters: 'b..a' }],
    ['a named parameter that holds text', 'a,b\n1,x\n', 'column "b": found "x"', { parameters: 'a,b' }],
    ['rows that are none', 'a\n1\n', '"0..3"', { rows: '0..3' }],
    ['rows beyond the end', 'a\n1\n', 'no dies', { rows: '5..9' }],
    ['an unclosed quote', 'a,b\n"1,2\n', 'Quote Not Closed'],
  ])('%s', async (_what, text, message, options) => {
    expect((await problems(text, options)).join('\n')).toContain(message);
  });

  it('a file that is not there', async () => {
    expect((await problemsOf(() => readDieTable(['/nowhere/x.csv'])))[0]).toContain('/nowhere/x.csv');
  });

  it('files whose headers differ', async () => {
    const files = [await csvFile('a,b\n1,2\n', 'one.csv'), await csvFile('a,c\n3,4\n', 'two.csv')];
    expect(await problemsOf(() => readDieTable(files))).toEqual([
      'two.csv: column 2 is "c", expected "b" as in the first file',
    ]);
  });

  it('a file that says .gz and is not', async () => {
    const file = await csvFile('a\n1\n', 'dies.csv.gz');
    expect((await problemsOf(() => readDieTable([file])))[0]).toContain('incorrect header check');
  });

  it('stops after twenty faults', async () => {
    expect(await problems(`label,a\n${'pass,?\n'.repeat(50)}`, { parameters: 'a' })).toHaveLength(20);
  });
});
