import { Fault } from '../errors.js';
import { type DieTable, hasMissingValues } from './table/die-table.js';
import { readParameterTable } from './table/parameter-table.js';
import { type ReadOptions, readDieTable } from './table/read-die-table.js';
import { claimFolder, type TrainedVersion, trainVersion, type VersionOptions } from './train-version.js';

interface TrainFilesOptions
  extends VersionOptions,
    Pick<ReadOptions, 'label' | 'parameters' | 'rows' | 'sample' | 'onProgress'> {
  /** CSV files, all with the same header. */
  readonly csv: readonly string[];
  /** CSV with units, test numbers and limits by parameter name. */
  readonly parameterTable?: string | undefined;
  /** By default `impute` where the data has missing values. */
  readonly missing?: 'reject' | 'impute' | undefined;
}

/** Trains on CSV files and writes the whole version folder, after the graph itself was checked. */
export async function trainFiles(options: TrainFilesOptions): Promise<TrainedVersion> {
  await claimFolder(options);
  const facts =
    options.parameterTable === undefined ? new Map() : await readParameterTable(options.parameterTable);
  const table = await readDieTable(options.csv, options);
  const missing = chooseMissing(table, options.missing, hasMissingValues(table) ? 'impute' : 'reject');
  return trainVersion({ table, facts, exactFacts: facts }, { ...options, missing });
}

/** What a missing value shall mean. Refuses `reject` where the data itself has missing values. */
export function chooseMissing(
  table: DieTable,
  asked: 'reject' | 'impute' | undefined,
  otherwise: 'reject' | 'impute',
): 'reject' | 'impute' {
  if (asked === 'reject' && hasMissingValues(table)) {
    throw new Fault('invalid_usage', [
      '--missing reject: the training data has missing values, so testers send them: expected impute',
    ]);
  }
  return asked ?? otherwise;
}
