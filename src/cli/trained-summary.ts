import { binsText, type GroupFigures, yieldOfGroup } from '../lots/part-groups.js';
import { type TableGroups, UNLIKE_TITLES, unlikeRows } from '../training/evaluation/table-groups.js';
import { describeTestsLeftOut, describeTouchdowns } from '../training/lots/lot-account.js';
import type { ParameterUse } from '../training/screen/standardise.js';
import type { TrainedVersion } from '../training/train-version.js';
import { percent } from './output.js';
import { type Column, tableLines } from './table.js';

/** What `train` prints for machines. */
export function trainedAsJson(trained: TrainedVersion) {
  const { folder, manifest, result, table, modelBytes, account, groups } = trained;
  const { name, version, sha256, threshold, calibration, metrics } = manifest;
  return {
    folder,
    name,
    version,
    sha256,
    modelBytes,
    dies: table.dies,
    parameters: table.parameters.length,
    constantParameters: withUse({ result, table }, 'constant'),
    sparseParameters: withUse({ result, table }, 'sparse'),
    ignoredColumns: table.ignoredColumns,
    missing: manifest.input.missing,
    splitBy: result.split.by,
    threshold,
    calibration,
    metrics,
    ...(account !== undefined && { lots: account }),
    groups: groups.map(groupsAsJson),
  };
}

/** Of dies; means in the unit of the parameter, of those that differ by more than chance. */
function groupsAsJson({ by, groups, unlike }: TableGroups) {
  return {
    by,
    groups: groups.map(({ group, touchdowns, passed, failed, hardBins }) => ({
      ...{ group, dies: touchdowns, passed, failed },
      hardBins: [...hardBins].sort(([a], [b]) => a - b).map(([bin, dies]) => ({ bin, dies })),
    })),
    unlikeParameters: unlike.map(({ name, apart, groups: of }) => ({
      ...{ name, apart },
      means: [...of].map(([group, { mean, values }]) => ({ group, mean: mean ?? null, dies: values })),
    })),
  };
}

function groupLines({ groups, forms }: TrainedVersion): string[] {
  return groups.flatMap((of) => {
    const rows = unlikeRows(of, forms);
    const unlike = UNLIKE_TITLES.map((title, i) => ({
      ...{ title, align: 'left' as const },
      text: (row: readonly string[]) => row[i] ?? '',
    }));
    return [
      ...tableLines(groupColumns(of.by), of.groups),
      ...(rows.length === 0
        ? []
        : [`parameters whose mean over passing dies differs most by ${of.by}:`, ...tableLines(unlike, rows)]),
    ].map((line) => `  ${line}`);
  });
}

function groupColumns(title: string): readonly Column<GroupFigures>[] {
  return [
    { title, align: 'left', text: ({ group }) => group },
    { title: 'dies', align: 'right', text: ({ touchdowns }) => String(touchdowns) },
    { title: 'passed', align: 'right', text: ({ passed }) => String(passed) },
    { title: 'failed', align: 'right', text: ({ failed }) => String(failed) },
    { title: 'yield', align: 'right', text: (figures) => percent(yieldOfGroup(figures) ?? 0) },
    { title: 'hard bins', align: 'left', text: ({ hardBins }) => binsText(hardBins, String) },
  ];
}

/** What `train` prints for people. */
export function describeTrained(trained: TrainedVersion): string {
  const { folder, manifest, result, table, modelBytes } = trained;
  const { metrics, screen, split } = result;
  const modes = Object.entries(metrics.detectionRateByDefect).map(
    ([mode, rate]) => `    ${mode.padEnd(10)} ${share(rate, metrics.diesByDefect[mode])}`,
  );
  const lines = [
    `${folder}: ${manifest.name} version ${manifest.version}, model.onnx ${Math.ceil(modelBytes / 1024)} KiB`,
    `  ${table.dies} dies, ${table.parameters.length} parameters, ${screen.components} principal components`,
    ...lotLines(trained),
    ...groupLines(trained),
    ...leftOut('constant on the fitting dies, weight zero', withUse(trained, 'constant')),
    ...leftOut('measured on too few dies, weight zero', withUse(trained, 'sparse')),
    ...leftOut('columns without numbers, left out', table.ignoredColumns),
    `  missing values: ${manifest.input.missing}`,
    `  measured on ${split.heldOut.length} dies held out by ${split.by}:`,
    `    false alarms ${share(metrics.falseAlarmRate, metrics.passingDies)}`,
    ...spreadLine(result),
    `    caught     ${share(metrics.detectionRate, metrics.defectiveDies)}`,
    ...modes,
    ...(metrics.auc === undefined ? [] : [`    AUC ${metrics.auc.toFixed(4)}`]),
  ];
  return `${lines.join('\n')}\n`;
}

/** What to expect of further lots. */
function spreadLine({ falseAlarmSpread }: TrainedVersion['result']): string[] {
  if (falseAlarmSpread === undefined) return [];
  const { by, mean, low, high, further } = falseAlarmSpread;
  const most = further === undefined ? '' : `; over many of them at most ${percent(further.high)}`;
  return [
    `    from one set of ${by}s to another ${percent(mean)} on average, ${percent(low)} to ${percent(high)} in nine of ten${most}`,
  ];
}

/** Where the dies come from lot files: what became of the touchdowns, and every test left out. */
function lotLines({ account }: TrainedVersion): string[] {
  if (account === undefined) return [];
  const tests = describeTestsLeftOut(account).map((line) => `    ${line}`);
  return [
    ...describeTouchdowns(account).map((line) => `  ${line}`),
    ...(tests.length === 0 ? [] : [`  tests left out: ${tests.length}`, ...tests]),
  ];
}

function withUse({ result, table }: Pick<TrainedVersion, 'result' | 'table'>, use: ParameterUse): string[] {
  return table.parameters.filter((_, p) => result.screen.standardisation.use[p] === use);
}

function leftOut(why: string, names: readonly string[]): string[] {
  if (names.length === 0) return [];
  const shown = names.slice(0, 8).join(', ');
  return [`  ${why}: ${names.length} (${shown}${names.length > 8 ? ', ...' : ''})`];
}

function share(rate: number | undefined, dies: number): string {
  return rate === undefined
    ? 'unknown: no such dies'
    : `${percent(rate)} (${Math.round(rate * dies)} of ${dies})`;
}
