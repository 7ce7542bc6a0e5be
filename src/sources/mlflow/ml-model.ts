import { parse } from 'yaml';
import { z } from 'zod';
import { Fault } from '../../errors.js';
import { schemaProblems } from '../../schema-faults.js';

const tensorSpec = z.looseObject({ dtype: z.string(), shape: z.array(z.number()) });
const ColumnSchema = z.looseObject({
  type: z.string(),
  name: z.string().optional(),
  'tensor-spec': tensorSpec.optional(),
});

const jsonColumns = z
  .string()
  .transform((text, context): unknown => {
    try {
      return JSON.parse(text);
    } catch {
      context.addIssue('expected JSON');
      return z.NEVER;
    }
  })
  .pipe(z.array(ColumnSchema));

const MlModelSchema = z.looseObject({
  flavors: z.looseObject({
    onnx: z.looseObject({ data: z.string().min(1), onnx_version: z.string().optional() }).optional(),
  }),
  signature: z.looseObject({ inputs: jsonColumns.nullish() }).nullish(),
  model_id: z.string().nullish(),
  model_uuid: z.string().nullish(),
  run_id: z.string().nullish(),
  mlflow_version: z.string().optional(),
  utc_time_created: z.string().optional(),
  metadata: z.record(z.string(), z.unknown()).nullish(),
});

/** What the file MLmodel of an MLflow model says that matters here. */
export interface MlModel {
  /** Path of the ONNX file within the model. */
  readonly onnxFile: string;
  /** Names of the columns, where the signature is one of numbers by name. */
  readonly columns: readonly string[] | undefined;
  readonly modelId: string | undefined;
  readonly runId: string | undefined;
  readonly madeBy: string;
  /** ISO 8601 UTC. */
  readonly created: string | undefined;
  /** What was logged with the model, where it is text or can be written as JSON. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** Types of MLflow's columns that fit into float32 numbers of dies. */
const NUMBERS = ['float', 'double', 'integer', 'long', 'boolean'];

/**
 * Reads the file MLmodel.
 * @throws Fault `invalid_source` where it is none, or holds no ONNX model
 */
export function readMlModel(text: string): MlModel {
  let content: unknown;
  try {
    content = parse(text, { maxAliasCount: 10, logLevel: 'error' });
  } catch (error) {
    throw new Fault('invalid_source', ['MLmodel is not YAML'], error);
  }
  const read = MlModelSchema.safeParse(content);
  if (!read.success)
    throw new Fault(
      'invalid_source',
      schemaProblems(content, read.error.issues).map((problem) => `MLmodel: ${problem}`),
    );
  const { flavors, signature, model_id, model_uuid, run_id, mlflow_version, utc_time_created, metadata } =
    read.data;
  if (flavors.onnx === undefined) {
    throw new Fault('invalid_source', [
      `the MLflow model has the flavours ${Object.keys(flavors).join(', ')}, expected onnx: convert it and log it with mlflow.onnx.log_model`,
    ]);
  }
  const inputs = signature?.inputs ?? [];
  const columns = inputs.flatMap(({ name, type }) =>
    name !== undefined && NUMBERS.includes(type) ? [name] : [],
  );
  return {
    onnxFile: flavors.onnx.data,
    columns: columns.length > 0 && columns.length === inputs.length ? columns : undefined,
    modelId: model_id ?? model_uuid ?? undefined,
    runId: run_id ?? undefined,
    madeBy: `mlflow ${mlflow_version ?? 'of an unknown version'}${flavors.onnx.onnx_version === undefined ? '' : `, onnx ${flavors.onnx.onnx_version}`}`,
    created: isoOf(utc_time_created),
    metadata: Object.fromEntries(
      Object.entries(metadata ?? {}).map(([key, value]) => [
        key,
        typeof value === 'string' ? value : JSON.stringify(value),
      ]),
    ),
  };
}

/** MLflow writes UTC without saying so, with microseconds. */
function isoOf(time: string | undefined): string | undefined {
  const date = new Date(`${time?.replace(' ', 'T')}Z`);
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}

const PREFIX = 'diegate.';

/** The fields of a manifest among tags: `diegate.threshold` sets `threshold`. */
export function fieldsAmong(tags: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(tags).flatMap(([key, value]) =>
      key.startsWith(PREFIX) ? [[key.slice(PREFIX.length), value]] : [],
    ),
  );
}
