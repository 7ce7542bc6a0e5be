import { inputTensors } from './input-tensors.js';
import type { RegressionTarget } from './outputs-schema.js';
import { parameterCount } from './parameter-count.js';
import type { ClassificationManifest, Manifest } from './task-manifests.js';

/** One part of a manifest that another part speaks against. */
interface Disagreement {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** What the parts of a manifest say against each other. */
export function disagreements(manifest: Manifest): Disagreement[] {
  return [
    ...boundsProblems(manifest.input.parameters),
    ...categoryProblems(manifest.input.parameters),
    ...inputProblems(manifest),
    ...screenProblems(manifest),
    ...labelProblems(manifest),
    ...targetProblems(manifest),
    ...fallbackProblems(manifest),
  ];
}

function fallbackProblems({ name, version, fallback }: Manifest): Disagreement[] {
  if (fallback?.by !== 'version' || (fallback.model ?? name) !== name || fallback.version !== version)
    return [];
  return [{ path: ['fallback'], message: `expected another version than ${name}/${version} itself` }];
}

function boundsProblems(parameters: Manifest['input']['parameters']): Disagreement[] {
  if (typeof parameters === 'number') return [];
  return parameters.flatMap(({ minimum, maximum }, index) =>
    minimum !== undefined && maximum !== undefined && minimum > maximum
      ? [
          {
            path: ['input', 'parameters', index, 'minimum'],
            message: `expected at most maximum (${maximum}), found ${minimum}`,
          },
        ]
      : [],
  );
}

function categoryProblems(parameters: Manifest['input']['parameters']): Disagreement[] {
  if (typeof parameters === 'number') return [];
  return parameters.flatMap(({ categories, label, unknown }, index) => {
    const at = (key: string, message: string) => [{ path: ['input', 'parameters', index, key], message }];
    if (categories === undefined) {
      if (label === undefined && unknown === undefined) return [];
      return at(label === undefined ? 'unknown' : 'label', 'expected only together with categories');
    }
    const twice = categories.find((category, i) => categories.indexOf(category) !== i);
    if (twice !== undefined) return at('categories', `"${twice}" is there twice`);
    if (unknown === undefined || categories.includes(unknown)) return [];
    return at('unknown', `"${unknown}" is none of the categories ${categories.slice(0, 20).join(', ')}`);
  });
}

/** Inputs whose sizes do not add up to the parameters, and strings that nothing is known of. */
function inputProblems({ input }: Manifest): Disagreement[] {
  const { tensors, type, shape, parameters } = input;
  if (tensors !== undefined && (type !== undefined || shape !== undefined)) {
    return [
      { path: ['input', 'tensors'], message: 'expected without type and shape: each tensor has its own' },
    ];
  }
  const declared = inputTensors({ input });
  const count = parameterCount({ input });
  const size = declared.reduce((sum, tensor) => sum + tensor.columns, 0);
  const path = ['input', tensors === undefined ? 'shape' : 'tensors'];
  if (size !== count)
    return [{ path, message: `expected ${count} values, as many as parameters, found ${size}` }];
  const names = declared.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) return [{ path, message: `"${twice}" is there twice` }];
  return declared
    .filter(({ type }) => type === 'string')
    .flatMap(({ name, from, columns }) => {
      const without = Array.from({ length: columns }, (_, i) => from + i).filter(
        (i) => typeof parameters === 'number' || parameters[i]?.categories === undefined,
      );
      const [first] = without;
      if (first === undefined) return [];
      const message = `"${name}" takes strings: expected categories of the parameters that go into it, found none of parameter ${first}`;
      return [{ path: ['input', 'parameters'], message }];
    });
}

function screenProblems(manifest: Manifest): Disagreement[] {
  if (manifest.task !== 'anomaly-screen') return [];
  const { outputs, calibration, threshold } = manifest;
  const problems = oneOf(outputs, ['score', 'reconstruction', 'distances']);
  if (outputs.direction === 'low' && outputs.score === undefined) {
    const message = 'expected only together with score: an error or a distance is high for outliers';
    problems.push({ path: ['outputs', 'direction'], message });
  }
  if (outputs.reconstruction !== undefined && outputs.contributions !== undefined) {
    const message = 'expected none with reconstruction: they are the squares of its error';
    problems.push({ path: ['outputs', 'contributions'], message });
  }
  if (outputs.residuals !== undefined && (outputs.contributions ?? outputs.reconstruction) !== undefined) {
    const message = 'expected only where neither contributions nor reconstruction are there';
    problems.push({ path: ['outputs', 'residuals'], message });
  }
  if (calibration.method === 'logistic-log-score' && threshold < 0) {
    const message = `a threshold below 0 (${threshold}) has no logarithm: expected "logistic-score"`;
    problems.push({ path: ['calibration', 'method'], message });
  }
  return problems;
}

/** Which output decides: exactly one of these. */
function oneOf<T extends object>(outputs: T, keys: readonly (keyof T & string)[]): Disagreement[] {
  const found = keys.filter((key) => outputs[key] !== undefined);
  if (found.length === 1) return [];
  const message = `expected one of ${keys.join(', ')}, found ${found.join(' and ') || 'none'}`;
  return [{ path: ['outputs'], message }];
}

function labelProblems(manifest: Manifest): Disagreement[] {
  if (manifest.task !== 'classification') return [];
  const { labels, passLabels, outputs } = manifest;
  const twice = labels.find((label, i) => labels.indexOf(label) !== i);
  const unknown = passLabels.find((label) => !labels.includes(label));
  return [
    ...(twice === undefined ? [] : [{ path: ['labels'], message: `"${twice}" is there twice` }]),
    ...(unknown === undefined
      ? []
      : [{ path: ['passLabels'], message: `"${unknown}" is none of the labels ${labels.join(', ')}` }]),
    ...oneOf(outputs, ['probabilities', 'probability', 'label']),
    ...probabilityProblems(manifest),
  ];
}

function probabilityProblems({ labels, outputs }: ClassificationManifest): Disagreement[] {
  const { probability, label, activation } = outputs;
  const at = (key: string, message: string) => [{ path: ['outputs', ...key.split('.')], message }];
  if (probability !== undefined) {
    if (labels.length !== 2) return at('probability', `expected two labels, found ${labels.length}`);
    if (!labels.includes(probability.label))
      return at('probability.label', `"${probability.label}" is none of the labels ${labels.join(', ')}`);
    if (activation === 'softmax')
      return at('activation', 'expected "sigmoid" for one logit: a softmax of one value is always 1');
  }
  if (label?.values !== undefined && label.values.length !== labels.length)
    return at(
      'label.values',
      `expected one for each of the ${labels.length} labels, found ${label.values.length}`,
    );
  if (label !== undefined && activation !== 'none') return at('activation', 'expected "none" for a label');
  return [];
}

function targetProblems(manifest: Manifest): Disagreement[] {
  if (manifest.task !== 'regression') return [];
  const { target, targets } = manifest;
  if ((target === undefined) === (targets === undefined)) {
    const found = target === undefined ? 'none' : 'both';
    return [{ path: ['target'], message: `expected target or targets, found ${found}` }];
  }
  const names = targets?.map(({ name }) => name) ?? [];
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) return [{ path: ['targets'], message: `"${twice}" is there twice` }];
  const limited = targets?.some(
    ({ lowLimit, highLimit }) => lowLimit !== undefined || highLimit !== undefined,
  );
  if (limited === false)
    return [
      { path: ['targets'], message: 'expected lowLimit or highLimit of one: without one no die can fail' },
    ];
  return target === undefined
    ? (targets ?? []).flatMap((one, i) => limitProblems(one, ['targets', i]))
    : limitProblems(target, ['target']);
}

function limitProblems(
  { lowLimit, highLimit }: RegressionTarget,
  path: readonly (string | number)[],
): Disagreement[] {
  if (lowLimit === undefined || highLimit === undefined || lowLimit < highLimit) return [];
  return [
    {
      path: [...path, 'lowLimit'],
      message: `expected less than highLimit (${highLimit}), found ${lowLimit}`,
    },
  ];
}
