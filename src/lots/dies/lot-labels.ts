import { MAX_ID_LENGTH } from '../../die/die.js';
import type { Lot, Part } from '../../stdf/stdf.js';

/**
 * What a lot file says of a part beside what every die says of itself, by the names under which a model may take
 * a category from it: `product` is MIR.PART_TYP, `test_program` MIR.JOB_NAM, `temperature` MIR.TST_TEMP.
 */
export function lotLabelsOf({ siteNum, headNum }: Part, { mir }: Lot): Readonly<Record<string, string>> {
  const said: readonly (readonly [name: string, text: string | undefined])[] = [
    ['product', mir?.partTyp],
    ['family', mir?.famlyId],
    ['test_program', mir?.jobNam],
    ['program_revision', mir?.jobRev],
    ['temperature', mir?.tstTemp],
    ['flow', mir?.flowId],
    ['facility', mir?.facilId],
    ['site', String(siteNum)],
    ['head', String(headNum)],
  ];
  const labels: Record<string, string> = {};
  for (const [name, text] of said) {
    const trimmed = text?.trim().slice(0, MAX_ID_LENGTH);
    if (trimmed !== undefined && trimmed !== '') labels[name] = trimmed;
  }
  return labels;
}
