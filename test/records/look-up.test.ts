import { appendFileSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { storyHtml, storyOf, storyText } from '../../src/records/die-story.js';
import { LookUp } from '../../src/records/look-up.js';
import { findNamed } from '../../src/records/look-ups.js';
import { type GateRecord, isOfDie } from '../../src/records/record.js';
import { sealSegment } from '../../src/records/seal.js';
import { segmentFile } from '../../src/records/segment-files.js';
import { dieRecord } from './records.js';
import { chunkOf, temporaryFolder, writeSegment } from './writing.js';

const key = { lot: undefined, wafer: 'W1', x: 3, y: -4, insertion: undefined, touchdown: undefined };

describe('a die is looked up', () => {
  const others = Array.from({ length: 300 }, (_, i) => dieRecord({ dieId: `o${i}`, x: i + 100 }));

  test('in every segment, sealed or open, in the order of the log', async () => {
    const folder = temporaryFolder();
    writeSegment(folder, 1, [chunkOf([dieRecord(), ...others, dieRecord({ kind: 'repeat' })])]);
    writeSegment(folder, 2, [chunkOf(others)], 302);
    writeSegment(folder, 3, [chunkOf([...others, dieRecord({ kind: 'outcome', code: 'fail' })])], 602);
    for (const segment of [1, 2]) await sealSegment(segment, { folder, name: 'gate', keyFile: undefined });
    const found = [await new LookUp(folder).find({ dieId: 'd1' }), await new LookUp(folder).find({ key })];
    for (const records of found)
      expect(records.map(({ kind, sequence }) => [kind, sequence])).toEqual([
        ['prediction', 0],
        ['repeat', 301],
        ['outcome', 902],
      ]);
    expect(await new LookUp(folder).find({ dieId: 'none' })).toEqual([]);
  });

  test('in an open segment also where records have come since the last look-up', async () => {
    const folder = temporaryFolder();
    writeSegment(folder, 1, [chunkOf([dieRecord()])]);
    writeSegment(folder, 2, [chunkOf([dieRecord(), dieRecord({ dieId: 'd2' })])], 1);
    const lookUp = new LookUp(folder);
    const count = async () => (await lookUp.find({ dieId: 'd1' })).length;
    expect(await count()).toBe(2);
    const other = temporaryFolder();
    writeSegment(other, 2, [chunkOf([dieRecord()])], 3);
    const bytes = readFileSync(segmentFile(other, 2, 'open')).subarray(28);
    // What is being written is no record yet.
    appendFileSync(segmentFile(folder, 2, 'open'), bytes.subarray(0, 50));
    expect(await count()).toBe(2);
    appendFileSync(segmentFile(folder, 2, 'open'), bytes.subarray(50));
    expect(await count()).toBe(3);
  });

  test('by whatever its key says, and no more', () => {
    const record = dieRecord({ insertion: 'hot', touchdown: 2 });
    expect(isOfDie(record, { key })).toBe(true);
    expect(isOfDie(record, { key: { ...key, insertion: 'hot', touchdown: 2 } })).toBe(true);
    expect(isOfDie(record, { key: { ...key, insertion: 'cold' } })).toBe(false);
    expect(isOfDie(dieRecord({ wafer: undefined }), { key })).toBe(false);
  });

  test('by its id where that looks like a key', async () => {
    const asked: object[] = [];
    const find = async (one: object) => {
      asked.push(one);
      return 'dieId' in one ? [dieRecord()] : [];
    };
    expect(await findNamed('a/b/1/2', find)).toHaveLength(1);
    expect(asked).toEqual([{ key: { ...key, lot: 'a', wafer: 'b', x: 1, y: 2 } }, { dieId: 'a/b/1/2' }]);
  });
});

describe('the story of a die', () => {
  const records: GateRecord[] = [
    dieRecord({ kind: 'refusal', code: 'queue_full', detail: '<b>' }),
    dieRecord({ sequence: 1 }),
    dieRecord({ sequence: 2, kind: 'repeat' }),
    dieRecord({ sequence: 3, prediction: 'fail' }),
    dieRecord({ sequence: 4, kind: 'outcome', code: 'fail' }),
  ];

  test('begins with the last word', () => {
    expect(storyOf('d1', records).verdict).toBe(
      'It was judged 2 times, not always alike, last as fail by version 1 of sum. It turned out to be fail.',
    );
    expect(storyOf('d1', records.slice(0, 1)).verdict).toBe('It was never judged.');
    expect(storyOf('d1', []).verdict).toBe('There is no record of this die.');
    expect(storyOf('d1', records.slice(1, 2)).verdict).toBe(
      'It was judged once, last as pass by version 1 of sum. What it turned out to be is not recorded.',
    );
  });

  test('tells each record as a sentence, with what is known of it', () => {
    const text = storyText(storyOf('d1', records));
    for (const sentence of [
      'Refused: queue_full',
      'Judged pass by version 1 of sum',
      'Sent again, and given the answer that it had: pass by version 1 of sum',
      'Turned out to be fail',
      'place                       L1/W1/3/-4',
      'took                        1.00 ms, of which 0.50 ms queue and 0.25 ms model',
    ])
      expect(text).toContain(sentence);
  });

  test('is a page in which nothing of a die is markup', () => {
    const html = storyHtml(storyOf('<script>', records));
    expect(html).toContain('<h1>Die &lt;script&gt;</h1>');
    expect(html).toContain('<td>&lt;b&gt;</td>');
    expect(html).not.toContain('<script>');
  });
});
