import { expect, it } from 'vitest';
import { unitFactor } from '../../../src/lots/tests/units.js';

it.each([
  ['V', 'V', 1],
  ['mV', 'V', 0.001],
  ['V', 'mV', 1000],
  ['uA', 'nA', 1000],
  ['µA', 'uA', 1],
  ['μA', 'mA', 0.001],
  ['KHz', 'MHz', 0.001],
  ['khz', 'Hz', 1000],
  ['a', 'A', 1],
  ['Ohms', 'kOhm', 0.001],
  ['F', 'pF', 1e12],
  ['', 'V', 1],
  ['LSB', 'lsb', 1],
  ['V', 'A', undefined],
  ['Hz', 'V', undefined],
  ['LSB', 'V', undefined],
  ['mA', 'MV', undefined],
])('%s in %s is times %s', (from, to, factor) => {
  expect(unitFactor(from, to)).toBe(factor);
});
