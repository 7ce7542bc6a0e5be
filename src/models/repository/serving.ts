import { z } from 'zod';
import { TrafficSchema } from '../../traffic/traffic.js';
import { BaseRateSchema, ModelNameSchema, VersionSchema } from '../manifest/identity-schema.js';

/** How many former defaults a model remembers, for rolling back. */
export const MAX_PREVIOUS = 3;

const LoadPolicySchema = z
  .union([
    z.enum(['latest', 'all']),
    z.strictObject({ latest: z.int().min(1).max(1000) }),
    z.array(VersionSchema).min(1),
  ])
  .describe('Versions to load at the start: all, the latest, the latest n, or a list');

/** Which versions of a model are loaded at the start. */
export type LoadPolicy = z.infer<typeof LoadPolicySchema>;

/** What `serving.json` says of one model. */
export const ModelServingSchema = z.strictObject({
  default: VersionSchema.optional().describe(
    'The version of a call that names none; the highest if left out',
  ),
  previous: z
    .array(VersionSchema)
    .max(MAX_PREVIOUS)
    .optional()
    .describe('Versions that were the default before, the last one first'),
  load: LoadPolicySchema.optional(),
  baseRate: BaseRateSchema.optional().describe(
    'Share of failing dies on this floor, which the confidences are made right for; that of the training if left out',
  ),
  lazy: z.boolean().optional().describe('Loaded at the first use, and unloaded when others need the memory'),
  ...TrafficSchema.shape,
  shadow: TrafficSchema.shape.shadow.unwrap().optional(),
});

export type ModelServing = z.infer<typeof ModelServingSchema>;

/** `serving.json`: which model and which version answer a call that names none, and what is loaded. */
export const ServingSchema = z.strictObject({
  defaultModel: ModelNameSchema.describe('The model of POST /predict'),
  load: LoadPolicySchema.optional().describe('The policy of models that name none; "all" if left out'),
  models: z.record(ModelNameSchema, ModelServingSchema).default({}),
});

export type Serving = z.infer<typeof ServingSchema>;

/** The whole file, but for its models: a mistake in one model's entry is that model's alone. */
export const ServingFileSchema = ServingSchema.extend({
  models: z.record(z.string(), z.unknown()).default({}),
});

/**
 * The versions that a policy loads.
 * @param numbers all versions of the model, ascending
 */
export function versionsToLoad(policy: LoadPolicy, numbers: readonly string[]): string[] {
  if (policy === 'all') return [...numbers];
  if (policy === 'latest') return numbers.slice(-1);
  if (Array.isArray(policy)) return numbers.filter((number) => policy.includes(number));
  return numbers.slice(-policy.latest);
}

/** What serving.json says of one model, and why it cannot be followed. */
export interface FaultyEntry {
  readonly reason: string;
  /** As it stands in the file. */
  readonly entry: unknown;
  /** Whether the last entry that could be followed is followed on; it is then among the others. */
  readonly isLastGoodKept?: boolean;
}

/** `serving.json` as it was read. */
export interface ReadServing {
  /** Without the entries of models that are faulty. */
  readonly serving: Serving;
  /** The models whose entry is faulty, by name: such a model answers only by version, unless a good one is kept. */
  readonly faulty: ReadonlyMap<string, FaultyEntry>;
}
