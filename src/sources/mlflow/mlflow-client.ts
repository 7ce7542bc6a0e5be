import { z } from 'zod';
import { Fault } from '../../errors.js';

const tags = z
  .array(z.looseObject({ key: z.string(), value: z.string().default('') }))
  .default([])
  .transform((pairs) => Object.fromEntries(pairs.map(({ key, value }) => [key, value])));

const VersionSchema = z.looseObject({
  name: z.string(),
  version: z.string(),
  status: z.string().default('READY'),
  status_message: z.string().nullish(),
  description: z.string().nullish(),
  run_id: z.string().nullish(),
  source: z.string().nullish(),
  tags,
});
const VersionAnswerSchema = z.looseObject({ model_version: VersionSchema });

/** A version as MLflow's registry has it. */
export type RegisteredVersion = z.infer<typeof VersionSchema>;

const RunAnswerSchema = z.looseObject({
  run: z.looseObject({
    data: z.looseObject({
      // Not finite ones come as text.
      metrics: z.array(z.looseObject({ key: z.string(), value: z.unknown() })).default([]),
    }),
    inputs: z
      .looseObject({
        dataset_inputs: z
          .array(
            z.looseObject({
              dataset: z.looseObject({
                name: z.string(),
                digest: z.string().optional(),
                profile: z.string().optional(),
              }),
            }),
          )
          .default([]),
      })
      .optional(),
  }),
});
export type MlflowRun = z.infer<typeof RunAnswerSchema>['run'];

const FilesAnswerSchema = z.looseObject({
  files: z
    .array(z.looseObject({ path: z.string(), is_dir: z.boolean(), file_size: z.coerce.number().optional() }))
    .default([]),
});
type ArtifactFile = z.infer<typeof FilesAnswerSchema>['files'][number];

/** What of MLflow's REST API is asked, and nothing else is sent to it. */
export interface MlflowClient {
  byAlias(name: string, alias: string): Promise<RegisteredVersion>;
  byNumber(name: string, version: string): Promise<RegisteredVersion>;
  downloadUri(name: string, version: string): Promise<string>;
  run(id: string): Promise<MlflowRun>;
  /** @param path of a folder of the artifact store */
  list(path: string): Promise<ArtifactFile[]>;
  download(path: string): Promise<AsyncIterable<Uint8Array>>;
}

interface MlflowClientOptions {
  readonly url: URL;
  /** Value of the header `authorization`. */
  readonly authorization: string | undefined;
  /** Longest wait for an answer to begin, and for all of one that is not a file, in milliseconds. */
  readonly timeoutMs: number;
}

/** Talks to an MLflow server; every call throws Fault `invalid_source` with one line. */
export function createMlflowClient({ url, authorization, timeoutMs }: MlflowClientOptions): MlflowClient {
  const base = `${url.origin}${url.pathname.replace(/\/+$/, '')}/api/2.0/`;
  const get = async (
    path: string,
    query: Readonly<Record<string, string>>,
    patienceMs: number,
  ): Promise<Response> => {
    const address = `${base}${path}${Object.keys(query).length === 0 ? '' : `?${new URLSearchParams(query)}`}`;
    const headers = authorization === undefined ? {} : { authorization };
    let answer: Response;
    try {
      answer = await fetch(address, { headers, signal: AbortSignal.timeout(patienceMs) });
    } catch (error) {
      throw new Fault(
        'invalid_source',
        [`MLflow at ${url.origin} does not answer: ${reasonOf(error)}`],
        error,
      );
    }
    if (answer.ok) return answer;
    throw new Fault('invalid_source', [
      `MLflow at ${url.origin} answers ${answer.status} to ${path}: ${await messageOf(answer)}`,
    ]);
  };
  const json = async <T extends z.ZodType>(
    path: string,
    query: Readonly<Record<string, string>>,
    schema: T,
  ): Promise<z.output<T>> => {
    const answer = await get(path, query, timeoutMs);
    const read = schema.safeParse(await answer.json().catch(() => undefined));
    if (read.success) return read.data;
    const [issue] = read.error.issues;
    throw new Fault('invalid_source', [
      `MLflow's answer to ${path} is not as expected: ${issue?.path.join('.')}: ${issue?.message}`,
    ]);
  };
  const file = (path: string) =>
    `mlflow-artifacts/artifacts/${path.split('/').map(encodeURIComponent).join('/')}`;
  return {
    byAlias: async (name, alias) =>
      (await json('mlflow/registered-models/alias', { name, alias }, VersionAnswerSchema)).model_version,
    byNumber: async (name, version) =>
      (await json('mlflow/model-versions/get', { name, version }, VersionAnswerSchema)).model_version,
    downloadUri: async (name, version) =>
      (
        await json(
          'mlflow/model-versions/get-download-uri',
          { name, version },
          z.looseObject({ artifact_uri: z.string() }),
        )
      ).artifact_uri,
    run: async (run_id) => (await json('mlflow/runs/get', { run_id }, RunAnswerSchema)).run,
    list: async (path) => (await json('mlflow-artifacts/artifacts', { path }, FilesAnswerSchema)).files,
    async download(path) {
      // A large file takes its time: what bounds it is its size.
      const { body } = await get(file(path), {}, 3_600_000);
      if (body === null) throw new Fault('invalid_source', [`MLflow answers nothing for the file ${path}`]);
      return body;
    },
  };
}

async function messageOf(answer: Response): Promise<string> {
  const text = (await answer.text().catch(() => '')).slice(0, 2000);
  try {
    const { message } = z.looseObject({ message: z.string() }).parse(JSON.parse(text));
    return message.slice(0, 300);
  } catch {
    return text.slice(0, 200).replace(/\s+/g, ' ') || 'no reason given';
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}
