import { Fault } from '../errors.js';
import { isStdf } from '../training/lots/file-format.js';

type TrainingFormat = 'csv' | 'stdf';

/** Options that mean something in one format only, as commander names them, with their flags. */
const OPTIONS_OF = {
  csv: { label: '--label', parameters: '--parameters', rows: '--rows', parameterTable: '--parameter-table' },
  stdf: {
    touchdown: '--touchdown',
    x: '--x',
    functional: '--functional',
    map: '--map',
    stripName: '--strip-name',
  },
} as const;

const FORMAT_NAMES = { csv: 'CSV', stdf: 'STDF' } as const;

/** The one format of the files. Refuses a mixture: a version has one kind of lineage. */
export async function trainingFormat(files: readonly string[]): Promise<TrainingFormat> {
  const areStdf = await Promise.all(files.map(isStdf));
  const [stdf, csv] = [files.filter((_, i) => areStdf[i]), files.filter((_, i) => !areStdf[i])];
  if (stdf.length > 0 && csv.length > 0) {
    throw new Fault('invalid_usage', [
      `found STDF (${stdf.join(', ')}) and CSV (${csv.join(', ')}), expected files of one kind`,
    ]);
  }
  return stdf.length > 0 ? 'stdf' : 'csv';
}

/** Refuses options that the format gives no meaning to. */
export function refuseOtherFormat(format: TrainingFormat, options: Readonly<Record<string, unknown>>): void {
  const other = format === 'csv' ? 'stdf' : 'csv';
  const problems = Object.entries(OPTIONS_OF[other])
    .filter(([key]) => options[key] !== undefined)
    .map(([, flag]) => `${flag} is for ${FORMAT_NAMES[other]} files, the files are ${FORMAT_NAMES[format]}`);
  if (problems.length > 0) throw new Fault('invalid_usage', problems);
}
