import { join } from 'node:path';
import type { ShownForm } from '../lots/shown-value.js';
import type { ScreenManifest } from '../models/manifest/task-manifests.js';
import { referenceOf } from './evaluation/reference.js';
import { withLabel } from './evaluation/split.js';
import { groupsOfTable, type TableGroups } from './evaluation/table-groups.js';
import type { LotAccount } from './lots/lot-account.js';
import type { ScreenKind } from './screen/screen.js';
import { screenAsOnnx } from './screen/screen-graph.js';
import type { DieTable } from './table/die-table.js';
import type { ParameterFacts } from './table/parameter-table.js';
import { type TrainingResult, trainScreen } from './train.js';
import { checkGraph, type ScoreDies } from './version/check-graph.js';
import { jsonText } from './version/json-text.js';
import { manifestOf } from './version/manifest-of.js';
import { modelCard } from './version/model-card.js';
import { identifyFolder, refuseExisting, writeVersion } from './version/write-version.js';

export const DEFAULT_FALSE_ALARM_RATE = 0.0075;

/** How a version is trained and written, whatever its dies come from. */
export interface VersionOptions {
  /** Folder of the version, `.../<name>/<version>`. */
  readonly out: string;
  readonly force?: boolean | undefined;
  readonly falseAlarmRate?: number | undefined;
  readonly components?: number | undefined;
  /** What judges; by default `process`. */
  readonly screen?: ScreenKind | undefined;
  /** ISO 8601 UTC. */
  readonly created: string;
  readonly codeVersion: string;
  readonly dataDescription?: string | undefined;
  /** What is taken out of the test names of lots, a regular expression. */
  readonly stripName?: string | undefined;
  /** Commands for the model card, one a line. */
  readonly rebuild: readonly string[];
  readonly scoreDies: ScoreDies;
}

/** What a version is trained on. */
interface TrainingData {
  readonly table: DieTable;
  /** By parameter name, as the manifest shall state them. */
  readonly facts: ReadonlyMap<string, ParameterFacts>;
  /** The same with limits to compare the table's values with. */
  readonly exactFacts: ReadonlyMap<string, ParameterFacts>;
  /** By parameter name: how its numbers are shown, where the lots say. */
  readonly forms?: ReadonlyMap<string, ShownForm> | undefined;
  /** Where the dies come from lot files: what became of everything in them. */
  readonly account?: LotAccount | undefined;
}

/** A version that was written, and what it was made from. */
export interface TrainedVersion extends Pick<TrainingData, 'table' | 'account'> {
  /** By site and by equipment, where there are several. */
  readonly groups: readonly TableGroups[];
  readonly forms: ReadonlyMap<string, ShownForm>;
  readonly folder: string;
  readonly manifest: ScreenManifest;
  readonly result: TrainingResult;
  readonly modelBytes: number;
}

/** Refuses an output folder before any data is read. */
export async function claimFolder({ out, force = false }: VersionOptions): Promise<void> {
  identifyFolder(out);
  await refuseExisting(out, force);
}

/** Trains and writes the whole version folder, after the graph itself was checked. */
export async function trainVersion(
  { table, facts, exactFacts, account, forms = new Map() }: TrainingData,
  options: VersionOptions & { readonly missing: 'reject' | 'impute' },
): Promise<TrainedVersion> {
  const { out, falseAlarmRate = DEFAULT_FALSE_ALARM_RATE } = options;
  const result = trainScreen(table, {
    falseAlarmRate,
    components: options.components,
    screen: options.screen,
    facts: exactFacts,
  });
  const identity = { ...options, ...identifyFolder(out) };

  const groups = groupsOfTable(table);
  const onnx = screenAsOnnx(result.screen, options.codeVersion);
  const manifest = manifestOf(table, result, identity, facts, onnx);
  const files = {
    'model.onnx': onnx,
    'manifest.json': jsonText(manifest, 3),
    'reference.json': jsonText(referenceFrom(table, result), 2),
    'MODEL_CARD.md': modelCard({ table, result, identity, manifest, falseAlarmRate, account, groups, forms }),
  };
  await writeVersion(out, files, (folder) =>
    checkGraph(join(folder, 'model.onnx'), result.screen, table, options.scoreDies),
  );
  return { folder: out, manifest, result, table, account, groups, forms, modelBytes: onnx.byteLength };
}

/** Scores are those of dies that were not fitted to, as a die in production is not. */
function referenceFrom(table: DieTable, { split, scores }: TrainingResult) {
  const all = Array.from({ length: table.dies }, (_, row) => row);
  const unfitted = [...split.calibration, ...split.heldOut];
  const scoresOf = (rows: readonly number[]) => Float64Array.from(rows, (row) => scores[row] ?? 0);
  return referenceOf({
    table,
    passing: withLabel(table, all, 'pass'),
    scores: scoresOf(unfitted),
    passingScores: scoresOf(withLabel(table, unfitted, 'pass')),
  });
}
