import type { z } from 'zod';
import {
  ModelSummarySchema,
  ModelsSchema,
  type VersionDetail,
  VersionDetailSchema,
} from '../doors/http/schemas/models.js';
import { Fault } from '../errors.js';
import type { HttpClient } from './http-client.js';
import { describeProblem, parseAnswer } from './verdict.js';

/** A model to be asked, and a version of it where one is named. */
export interface ModelAddress {
  readonly model: string;
  readonly version: string | undefined;
}

/** What the replay posts to, and what that reads. */
export interface ReplayTarget {
  /** Path that dies are posted under, without /predict: '' for the server's default model. */
  readonly prefix: string;
  readonly detail: VersionDetail;
}

/**
 * Asks the server which version answers now and what it reads. Dies are posted to what was named, so
 * that the server's own choice (default, canary) stays its own where nothing was.
 *
 * @throws Fault `invalid_data` naming the request, when the server cannot be asked or does not know it
 */
export async function findTarget(
  client: HttpClient,
  address: ModelAddress | undefined,
  stop: AbortSignal,
): Promise<ReplayTarget> {
  const ask = asking(client, stop);
  const model = address?.model ?? (await ask('/models', ModelsSchema)).default_model;
  const modelPath = `/models/${encodeURIComponent(model)}`;
  const version = address?.version ?? (await ask(modelPath, ModelSummarySchema)).default_version;
  if (version === null) throw unasked(modelPath, 'the model has no default version; name one');
  const versionPath = `${modelPath}/versions/${encodeURIComponent(version)}`;
  const detail = await ask(versionPath, VersionDetailSchema);
  const prefix = address === undefined ? '' : address.version === undefined ? modelPath : versionPath;
  return { prefix, detail };
}

function asking(client: HttpClient, stop: AbortSignal) {
  return async <Schema extends z.ZodType>(path: string, schema: Schema): Promise<z.output<Schema>> => {
    const attempt = await client.get(path, stop);
    if (attempt.kind === 'lost') throw unasked(path, attempt.detail);
    if (attempt.status !== 200) throw unasked(path, describeAnswer(attempt.status, attempt.body));
    const parsed = schema.safeParse(parseAnswer(attempt.body));
    if (!parsed.success) throw unasked(path, 'the answer is not that of a diegate server');
    return parsed.data;
  };
}

function describeAnswer(status: number, body: string): string {
  const { cause, detail } = describeProblem(status, body);
  return cause === `${status}` ? `status ${status}` : `${cause}: ${detail}`;
}

function unasked(path: string, reason: string): Fault {
  return new Fault('invalid_data', [`GET ${path}: ${reason}`]);
}
