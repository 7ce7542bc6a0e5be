import { fetchedOutputs } from './manifest/fetched-outputs.js';
import type { Manifest } from './manifest/task-manifests.js';
import type { ModelVersion } from './model-version.js';
import type { ProbeRows } from './probe-rows.js';

/** How far the probabilities of a die may add up beside 1: coarse number formats leave it by this much. */
const SUM_SLACK = 0.02;
const SHOWN_VALUES = 4;

const NOT_FINITE =
  'expected finite numbers: give the parameters their `expected` values or their limits if real dies are not like this, else mend the graph (a logarithm, a root or a division of what can be 0 or negative)';

/**
 * What the outputs of measurements that look like dies say against the version's task: the server would refuse or
 * misjudge such dies. Outputs that decide nothing may be what they like.
 * @param scores float32 [probes, outputs] row-major: what the version gives each of the probes
 * @returns one line for each problem, with the output, what was found, and what helps
 */
export function outputProblems(
  version: Pick<ModelVersion, 'manifest' | 'contract' | 'decide'>,
  { rows, realistic }: ProbeRows,
  scores: Float32Array,
): string[] {
  const { manifest, contract, decide } = version;
  const { parameterCount } = contract;
  const probes = rows.length / parameterCount;
  const width = scores.length / probes;
  const [deciding] = fetchedOutputs(manifest);
  if (deciding === undefined) return [];
  for (let probe = 0; probe < probes; probe++) {
    const values = scores.subarray(probe * width, probe * width + deciding.size);
    const finite = values.every(Number.isFinite);
    const lacks = rows.subarray(probe * parameterCount, (probe + 1) * parameterCount).some(Number.isNaN);
    // A graph may fill in some parameters and not others: which are missing is known of real dies only.
    if (!finite && (probe >= realistic || lacks)) continue;
    const broken = !finite || decide(scores, probe * width) === undefined;
    const sum = finite && sumIsWrong(manifest, values);
    if (!broken && !sum) continue;
    return [
      `output "${deciding.name}" is ${shown(values)} for ${probe === 0 ? 'the expected measurement' : 'a measurement like those of its dies'}, ${finite ? wrongValues(manifest, values) : NOT_FINITE}`,
    ];
  }
  return [];
}

/** Each in its range, and still no probabilities of one die: independent scores, say. */
function sumIsWrong(manifest: Manifest, values: Float32Array): boolean {
  if (manifest.task !== 'classification' || manifest.outputs.probabilities === undefined) return false;
  if (manifest.outputs.activation !== 'none') return false;
  return Math.abs(values.reduce((a, b) => a + b, 0) - 1) > SUM_SLACK;
}

function wrongValues(manifest: Manifest, values: Float32Array): string {
  if (manifest.task !== 'classification') return 'which is no value of its task';
  const expected = 'expected probabilities from 0 to 1 that add up to 1';
  return `${expected}: ${probabilityCure(values)}`;
}

function probabilityCure(values: Float32Array): string {
  const sumOfExponentials = values.reduce((sum, value) => sum + Math.exp(value), 0);
  if (Math.abs(sumOfExponentials - 1) <= SUM_SLACK)
    return 'these look like log-probabilities; write outputs.activation "softmax", which makes probabilities of them';
  if (values.every((value) => value >= 0 && value <= 1))
    return 'these are scores of each label by itself; write outputs.activation "sigmoid" if they are logits, export one probability for each of labels that exclude each other, or serve them as a regression';
  return 'these look like logits, margins or distances; write outputs.activation "softmax" if they are logits ("sigmoid" for labels scored one by one), export predict_proba from scikit-learn, or serve them as a regression';
}

function shown(values: Float32Array): string {
  const first = Array.from(values.subarray(0, SHOWN_VALUES), (value) => String(Number(value.toPrecision(4))));
  const list = values.length > SHOWN_VALUES ? [...first, '...'] : first;
  return list.length === 1 ? (list[0] ?? '') : `[${list.join(', ')}]`;
}
