import type { DieLabel, Measurements } from '../die/die.js';
import type { ModelVersion } from '../models/model-version.js';

/** The version that a die is given, by its label. */
export type AssignVersion = (label: DieLabel) => ModelVersion;

/** The dies of a call that one version is given. */
interface VersionGroup {
  readonly version: ModelVersion;
  /** Their positions in the call, ascending. */
  readonly dies: readonly number[];
}

/** The dies of a call by the version that each is given, in the order in which the versions appear. */
export function groupByVersion(labels: readonly DieLabel[], assign: AssignVersion): VersionGroup[] {
  const groups = new Map<ModelVersion, number[]>();
  labels.forEach((label, die) => {
    const version = assign(label);
    const dies = groups.get(version);
    if (dies === undefined) groups.set(version, [die]);
    else dies.push(die);
  });
  return Array.from(groups, ([version, dies]) => ({ version, dies }));
}

/** Some of the dies of a call, their rows copied side by side. */
export function rowsOf({ labels, params }: Measurements, dies: readonly number[]): Measurements {
  const width = params.length / labels.length;
  const rows = new Float32Array(dies.length * width);
  dies.forEach((die, i) => {
    rows.set(params.subarray(die * width, (die + 1) * width), i * width);
  });
  return { labels: dies.flatMap((die) => labels[die] ?? []), params: rows };
}
