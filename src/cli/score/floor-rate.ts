import { Fault } from '../../errors.js';
import { BaseRateSchema } from '../../models/manifest/identity-schema.js';
import { atBaseRate, type ModelVersion } from '../../models/model-version.js';

/**
 * The version with confidences that are right where failing dies are as frequent as `--base-rate` says; decisions and scores stay.
 * @param asked a share above 0 and below 1; undefined for that of the training
 * @throws Fault `invalid_usage` for what is no such share, and for a version that does not say what it was made for
 */
export function atFloorRate(version: ModelVersion, asked: string | undefined): ModelVersion {
  if (asked === undefined) return version;
  const rate = BaseRateSchema.safeParse(Number(asked));
  if (!rate.success)
    throw new Fault('invalid_usage', [
      `--base-rate: found "${asked}", expected the share of failing dies, above 0 and below 1, such as 0.004`,
    ]);
  if (version.baseRate.trainedAt === undefined)
    throw new Fault('invalid_usage', [
      `--base-rate: model ${version.key} does not say which base rate it was made for: expected "baseRate" in its manifest`,
    ]);
  return atBaseRate(version, rate.data);
}

/** What the confidences of a call are right for, for people; undefined where nobody says. */
export function floorRateText({ baseRate }: ModelVersion): string | undefined {
  const { trainedAt, inForce } = baseRate;
  if (trainedAt === undefined || inForce === undefined) return undefined;
  const training =
    inForce === trainedAt ? 'that of the training' : `the training had ${percentOf(trainedAt)}`;
  return `confidences are right where ${percentOf(inForce)} of dies fail, ${training}`;
}

/** The same as sentences of a report. */
export function floorRateNotes(version: ModelVersion): string[] {
  const text = floorRateText(version);
  return text === undefined ? [] : [`C${text.slice(1)}.`];
}

/** The same for machines: shares, null where nobody says. */
export function floorRateJson({ baseRate }: ModelVersion) {
  return { trainedAt: baseRate.trainedAt ?? null, inForce: baseRate.inForce ?? null };
}

/** With three digits that count: rates may be of some in a million. */
function percentOf(share: number): string {
  return `${Number((100 * share).toPrecision(3))}%`;
}
