import { join } from 'node:path';
import { Fault } from '../errors.js';
import type { Manifest } from '../models/manifest/manifest.js';
import { referenceOf } from './evaluation/reference.js';
import { withLabel } from './evaluation/split.js';
import { screenAsOnnx } from './screen/screen-graph.js';
import { type DieTable, hasMissingValues } from './table/die-table.js';
import { readParameterTable } from './table/parameter-table.js';
import { type ReadOptions, readDieTable } from './table/read-die-table.js';
import { type TrainingResult, trainScreen } from './train.js';
import { checkGraph, type ScoreDies } from './version/check-graph.js';
import { jsonText } from './version/json-text.js';
import { manifestOf, type VersionIdentity } from './version/manifest-of.js';
import { modelCard } from './version/model-card.js';
import { identifyFolder, refuseExisting, writeVersion } from './version/write-version.js';

export const DEFAULT_FALSE_ALARM_RATE = 0.0075;

export interface TrainFilesOptions extends Pick<ReadOptions, 'label' | 'parameters' | 'rows' | 'onProgress'> {
  /** CSV files, all with the same header. */
  readonly csv: readonly string[];
  /** Folder of the version, `.../<name>/<version>`. */
  readonly out: string;
  readonly force?: boolean | undefined;
  /** CSV with units, test numbers and limits by parameter name. */
  readonly parameterTable?: string | undefined;
  /** By default `impute` where the data has missing values. */
  readonly missing?: 'reject' | 'impute' | undefined;
  readonly falseAlarmRate?: number | undefined;
  readonly components?: number | undefined;
  /** ISO 8601 UTC. */
  readonly created: string;
  readonly codeVersion: string;
  readonly dataDescription?: string | undefined;
  /** Commands for the model card, one a line. */
  readonly rebuild: readonly string[];
  readonly scoreDies: ScoreDies;
}

/** A version that was written, and what it was made from. */
export interface TrainedVersion {
  readonly folder: string;
  readonly manifest: Manifest;
  readonly result: TrainingResult;
  readonly table: DieTable;
  readonly modelBytes: number;
}

/** Trains on CSV files and writes the whole version folder, after the graph itself was checked. */
export async function trainFiles(options: TrainFilesOptions): Promise<TrainedVersion> {
  const { out, force = false, falseAlarmRate = DEFAULT_FALSE_ALARM_RATE } = options;
  const folderIdentity = identifyFolder(out);
  await refuseExisting(out, force);
  const facts =
    options.parameterTable === undefined ? new Map() : await readParameterTable(options.parameterTable);
  const table = await readDieTable(options.csv, options);
  const result = trainScreen(table, { falseAlarmRate, components: options.components, facts });
  const identity = { ...options, ...folderIdentity, missing: chooseMissing(table, options.missing) };

  const onnx = screenAsOnnx(result.screen, options.codeVersion);
  const manifest = manifestOf(table, result, identity, facts, onnx);
  const files = {
    'model.onnx': onnx,
    'manifest.json': jsonText(manifest, 3),
    'reference.json': jsonText(referenceFrom(table, result), 2),
    'MODEL_CARD.md': modelCard({ table, result, identity, manifest, falseAlarmRate }),
  };
  await writeVersion(out, files, (folder) =>
    checkGraph(join(folder, 'model.onnx'), result.screen, table, options.scoreDies),
  );
  return { folder: out, manifest, result, table, modelBytes: onnx.byteLength };
}

function chooseMissing(table: DieTable, asked: VersionIdentity['missing'] | undefined) {
  const found = hasMissingValues(table);
  if (asked === 'reject' && found) {
    throw new Fault('invalid_usage', [
      '--missing reject: the training data has missing values, so testers send them: expected impute',
    ]);
  }
  return asked ?? (found ? 'impute' : 'reject');
}

/** Parameters over all good dies; scores over those not fitted to, as a die in production is not. */
function referenceFrom(table: DieTable, { split, scores }: TrainingResult) {
  const all = Array.from({ length: table.dies }, (_, row) => row);
  const unfitted = withLabel(table, [...split.calibration, ...split.heldOut], 'pass');
  return referenceOf(
    table,
    withLabel(table, all, 'pass'),
    Float64Array.from(unfitted, (row) => scores[row]),
  );
}
