import { parseArgs } from 'node:util';
import { describe, expect, it } from 'vitest';
import { namedScenarios, readArguments } from '../../bench/arguments.js';

describe('the arguments of the benchmarks', () => {
  const endOf = (args: string[]): string => {
    const end = (line: string): never => {
      throw line;
    };
    const read = () => {
      const { values } = parseArgs({ args, options: { only: { type: 'string' } } });
      return namedScenarios(values.only, ['sigterm', 'fuzz']);
    };
    try {
      readArguments('npm run survival', read, end);
    } catch (line) {
      return String(line);
    }
    return expect.fail('the arguments were taken');
  };

  it('are refused in one line that says what there is', () => {
    expect(endOf(['--only', 'fuzz,nosuch'])).toBe(
      '--only: no scenario "nosuch", there are sigterm, fuzz; usage: npm run survival',
    );
    expect(endOf(['--help'])).toMatch(/^Unknown option '--help'.*; usage: npm run survival$/);
  });

  it('name scenarios, or none for all', () => {
    expect(namedScenarios('fuzz,sigterm', ['sigterm', 'fuzz'])).toEqual(new Set(['fuzz', 'sigterm']));
    expect(namedScenarios(undefined, ['sigterm'])).toBeUndefined();
  });
});
