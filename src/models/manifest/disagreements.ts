import type { Manifest } from './manifest.js';

/** One part of a manifest that another part speaks against. */
export interface Disagreement {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** What the parts of a manifest say against each other. */
export function disagreements(manifest: Manifest): Disagreement[] {
  return [
    ...boundsProblems(manifest.input.parameters),
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

function labelProblems(manifest: Manifest): Disagreement[] {
  if (manifest.task !== 'classification') return [];
  const { labels, passLabels } = manifest;
  const twice = labels.find((label, i) => labels.indexOf(label) !== i);
  const unknown = passLabels.find((label) => !labels.includes(label));
  return [
    ...(twice === undefined ? [] : [{ path: ['labels'], message: `"${twice}" is there twice` }]),
    ...(unknown === undefined
      ? []
      : [{ path: ['passLabels'], message: `"${unknown}" is none of the labels ${labels.join(', ')}` }]),
  ];
}

function targetProblems(manifest: Manifest): Disagreement[] {
  if (manifest.task !== 'regression') return [];
  const { lowLimit, highLimit } = manifest.target;
  if (lowLimit === undefined || highLimit === undefined || lowLimit < highLimit) return [];
  return [
    {
      path: ['target', 'lowLimit'],
      message: `expected less than highLimit (${highLimit}), found ${lowLimit}`,
    },
  ];
}
