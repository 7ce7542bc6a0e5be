import { z } from 'zod';
import { CanaryStateSchema, isUnderWay } from './canary-plan.js';
import { ShadowSchema } from './shadow.js';
import { SplitSchema, takersOf } from './split.js';

/** How the traffic of one model goes to its versions, as serving.json says beside `default`. */
export const TrafficSchema = z.strictObject({
  split: SplitSchema.optional(),
  shadow: ShadowSchema,
  canary: CanaryStateSchema.optional(),
});

type Traffic = z.infer<typeof TrafficSchema>;

/**
 * One line for each problem of a model's traffic that its schema cannot see; none if it may serve.
 * @param knownVersions the versions of the model that the repository holds
 */
export function trafficProblems(
  model: string,
  traffic: Traffic & { readonly default: string },
  knownVersions: readonly string[],
): string[] {
  const at = `models.${model}`;
  const known = new Set(knownVersions);
  const held = knownVersions.length === 0 ? 'no version' : `versions ${knownVersions.join(', ')}`;
  const unknown = named(traffic).flatMap(({ key, version }) =>
    known.has(version) ? [] : [`${at}.${key} is "${version}", the repository holds ${held}`],
  );
  const takers = answering(traffic);
  const shadows = traffic.shadow.flatMap((version, i) =>
    takers.includes(version)
      ? [`${at}.shadow.${i} is "${version}", which takes traffic itself: expected a version that takes none`]
      : [],
  );
  return [...unknown, ...shadows, ...rivals(at, traffic)];
}

/** Every place that names a version; a canary that has ended may name one that is gone. */
function named({ default: fallback, split, shadow, canary }: Parameters<typeof trafficProblems>[1]) {
  return [
    { key: 'default', version: fallback },
    ...Object.keys(split?.weights ?? {}).map((version) => ({ key: `split.weights.${version}`, version })),
    ...shadow.map((version, i) => ({ key: `shadow.${i}`, version })),
    ...(!isUnderWay(canary)
      ? []
      : [
          { key: 'canary.plan.from', version: canary.plan.from },
          { key: 'canary.plan.to', version: canary.plan.to },
        ]),
  ];
}

/** The versions whose answers somebody gets. */
function answering({ default: fallback, split, canary }: Parameters<typeof trafficProblems>[1]): string[] {
  if (isUnderWay(canary)) return [canary.plan.from, canary.plan.to];
  return split === undefined ? [fallback] : takersOf(split);
}

function rivals(at: string, { split, canary }: Traffic): string[] {
  return split !== undefined && isUnderWay(canary)
    ? [`${at}.split and ${at}.canary both set the weights: expected no split while a canary runs, found both`]
    : [];
}
