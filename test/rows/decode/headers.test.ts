import { describe, expect, it } from 'vitest';
import { type Headers, labelFromHeaders, labelsFromHeaders } from '../../../src/rows/decode/headers.js';
import { defined, refusalOf } from './harness.js';

describe('the label of a binary die', () => {
  it('comes from its headers', () => {
    const label = labelFromHeaders({
      'x-die-id': 'd1',
      'x-lot-id': 'L1',
      'x-wafer-id': 'W1',
      'x-x': '3',
      'x-y': '-4',
      'x-equipment-id': 'T1',
      'x-stdf-file': 'lot%2C1.stdf',
      'x-other': 'ignored',
    });
    expect(label).toEqual({
      die_id: 'd1',
      lot_id: 'L1',
      wafer_id: 'W1',
      x: 3,
      y: -4,
      equipment_id: 'T1',
      stdf_file: 'lot,1.stdf',
    });
  });

  it('is the same whether its headers stand for themselves or are decoded', () => {
    const plain = {
      'x-die-id': 'd1',
      'x-lot-id': 'L1',
      'x-wafer-id': 'W1',
      'x-x': '-12',
      'x-y': '7',
      'x-equipment-id': 'T1',
      'x-stdf-file': 'lot.stdf',
      'x-insertion': 'hot',
      'x-touchdown': '123456789',
    };
    // One letter encoded is enough for the schema to look at all of them.
    expect(labelFromHeaders(plain)).toEqual(labelFromHeaders({ ...plain, 'x-die-id': '%641' }));
    for (const name of Object.keys(plain).filter((one) => one !== 'x-die-id')) {
      const without = Object.fromEntries(Object.entries(plain).filter(([other]) => other !== name));
      expect(labelFromHeaders(without), name).toEqual(labelFromHeaders({ ...without, 'x-die-id': '%641' }));
    }
  });

  it('needs only an id', () => {
    expect(defined(labelFromHeaders({ 'x-die-id': '%E6%99%B6' }))).toEqual({ die_id: '晶' });
  });

  it.each<[Headers, string, string]>([
    [{}, 'x-die-id', 'expected a string of 1 to 128 characters, found nothing'],
    [{ 'x-die-id': '' }, 'x-die-id', 'expected a string of 1 to 128 characters, found an empty string'],
    [
      { 'x-die-id': 'd'.repeat(129) },
      'x-die-id',
      'expected a string of 1 to 128 characters, found a string of length 129',
    ],
    [
      { 'x-die-id': 'd', 'x-x': '1.5' },
      'x-x',
      'expected a whole number from -32767 to 32767, found the string "1.5"',
    ],
    [{ 'x-die-id': 'd', 'x-y': '40000' }, 'x-y', 'expected a whole number from -32767 to 32767, found 40000'],
    [
      { 'x-die-id': 'd', 'x-touchdown': '-1' },
      'x-touchdown',
      'expected a whole number from 0 to 999999999, found -1',
    ],
    [{ 'x-die-id': '100%' }, 'x-die-id', 'expected ASCII text, anything else percent-encoded as UTF-8'],
    [{ 'x-die-id': 'æ¶' }, 'x-die-id', 'expected ASCII text, anything else percent-encoded as UTF-8'],
  ])('is refused, by the name of the header: %j', (headers, path, message) => {
    const { status, faults } = refusalOf(() => labelFromHeaders(headers));
    expect({ status, faults }).toEqual({ status: 422, faults: [{ path, message }] });
  });
});

describe('the labels of a binary batch', () => {
  it('have the ids that one header lists, and share their context', () => {
    const labels = labelsFromHeaders({ 'x-die-ids': 'a, b%2Cc', 'x-wafer-id': 'W1' }, 2, 'r1');
    expect(labels.map(defined)).toEqual([
      { die_id: 'a', wafer_id: 'W1' },
      { die_id: 'b,c', wafer_id: 'W1' },
    ]);
  });

  it('have ids made from the request id, never over 128 characters, where none are given', () => {
    expect(labelsFromHeaders({}, 2, 'r1').map(({ die_id }) => die_id)).toEqual(['r1-0', 'r1-1']);
    const [, last] = labelsFromHeaders({}, 2, 'r'.repeat(200));
    expect(last.die_id).toBe(`${'r'.repeat(126)}-1`);
  });

  it.each<[Headers, string, string]>([
    [{ 'x-die-ids': 'a' }, 'x-die-ids', 'expected 2 ids, one for each die of the body, found 1'],
    [{ 'x-die-ids': 'a,b,c' }, 'x-die-ids', 'expected 2 ids, one for each die of the body, found 3'],
    [
      { 'x-die-ids': 'a,' },
      'x-die-ids[1]',
      'expected a string of 1 to 128 characters, found an empty string',
    ],
    [{ 'x-die-ids': 'a,%zz' }, 'x-die-ids[1]', 'expected ASCII text, anything else percent-encoded as UTF-8'],
    [{ 'x-lot-id': '' }, 'x-lot-id', 'expected a string of 1 to 128 characters, found an empty string'],
  ])('are refused, by the name of the header and the index: %j', (headers, path, message) => {
    const { status, faults } = refusalOf(() => labelsFromHeaders(headers, 2, 'r1'));
    expect({ status, faults }).toEqual({ status: 422, faults: [{ path, message }] });
  });
});
