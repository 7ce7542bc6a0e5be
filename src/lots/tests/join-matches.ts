import type { TestMatch } from './match-tests.js';

/**
 * The passes of one lot together: a retest may lack tests that the first pass has, but none may contradict
 * the model.
 */
export function joinMatches(passes: readonly TestMatch[]): TestMatch {
  const [only] = passes;
  if (only !== undefined && passes.length === 1) return only;
  const matched = new Set(passes.flatMap((pass) => pass.matched));
  const refused = new Map(
    passes
      .flatMap((pass) => pass.refused)
      .filter(({ index, reason }) => reason !== 'absent' || !matched.has(index))
      .map((each) => [each.index, each]),
  );
  const converted = new Map(passes.flatMap((pass) => pass.converted).map((each) => [each.index, each]));
  return {
    matched: [...matched].filter((index) => !refused.has(index)).sort((a, b) => a - b),
    converted: [...converted.values()].filter(({ index }) => !refused.has(index)),
    refused: [...refused.values()].sort((a, b) => a.index - b.index),
  };
}
