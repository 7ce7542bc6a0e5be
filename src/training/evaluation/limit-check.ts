import type { DieTable } from '../table/die-table.js';
import type { ParameterFacts } from '../table/parameter-table.js';

/**
 * Share of the given dies (row numbers) with any value outside its own limits: what a test program
 * without this screen would catch. Undefined where no parameter has limits, or there are no dies.
 */
export function shareOutsideLimits(
  table: DieTable,
  rows: readonly number[],
  facts: ReadonlyMap<string, ParameterFacts>,
): number | undefined {
  const limits = table.parameters.map((name) => {
    const { lowLimit = Number.NEGATIVE_INFINITY, highLimit = Number.POSITIVE_INFINITY } =
      facts.get(name) ?? {};
    return { lowLimit, highLimit };
  });
  const known = limits.some(
    ({ lowLimit, highLimit }) => Number.isFinite(lowLimit) || Number.isFinite(highLimit),
  );
  if (!known || rows.length === 0) return undefined;
  const outside = rows.filter((row) =>
    limits.some(({ lowLimit, highLimit }, p) => {
      const value = table.values[row * limits.length + p];
      return value < lowLimit || value > highLimit;
    }),
  );
  return outside.length / rows.length;
}
