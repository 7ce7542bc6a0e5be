import type { Lot } from '../../stdf/stdf.js';

/**
 * What names a lot beyond its file: LOT_ID, SBLOT_ID and TEST_COD (stdf-v4.md section 8). Files, or parts
 * of one file, with the same key are one lot.
 * @returns undefined where the lot has no id: then it is itself only
 */
export function lotKeyOf({ mir }: Pick<Lot, 'mir'>): string | undefined {
  const lotId = mir?.lotId.trim() ?? '';
  if (lotId === '') return undefined;
  return JSON.stringify([lotId, mir?.sblotId?.trim() ?? '', mir?.testCod?.trim() ?? '']);
}

/** What a lot's records say of being tested again, and when. */
export interface LotPass {
  /** START_T, seconds of the tester's clock; undefined where it is not set. */
  readonly startedAt: number | undefined;
  /** Bins that are tested again (RDR), `all`, or undefined where it is no retest. */
  readonly retests: ReadonlySet<number> | 'all' | undefined;
}

export function lotPassOf({ mir, rdr }: Pick<Lot, 'mir' | 'rdr'>): LotPass {
  const startedAt = mir === undefined || mir.startT === 0 ? undefined : mir.startT;
  if (rdr !== undefined) {
    const bins = rdr.rtstBin ?? [];
    return { startedAt, retests: bins.length === 0 ? 'all' : new Set(bins) };
  }
  return { startedAt, retests: /[Y1-9]/.test(mir?.rtstCod ?? '') ? 'all' : undefined };
}
