import { type LotReadOptions, readLots } from './lots/read-lots.js';
import { selectTests } from './lots/select-tests.js';
import { chooseMissing } from './train-files.js';
import { claimFolder, type TrainedVersion, trainVersion, type VersionOptions } from './train-version.js';

interface TrainLotsOptions extends VersionOptions, LotReadOptions {
  /** STDF files, plain or gzip. */
  readonly stdf: readonly string[];
  /** By default `impute`: a failing part stops early, so testers send missing values. */
  readonly missing?: 'reject' | 'impute' | undefined;
}

/**
 * Trains on the parts of STDF lots and writes the whole version folder, after the graph itself was
 * checked. The tester's verdict on each part is its label; parameters are named by test number and name.
 */
export async function trainLots(options: TrainLotsOptions): Promise<TrainedVersion> {
  await claimFolder(options);
  const data = selectTests(await readLots(options.stdf, options));
  const missing = chooseMissing(data.table, options.missing, 'impute');
  return trainVersion(data, { ...options, missing });
}
