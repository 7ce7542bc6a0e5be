import type { MessageInitShape } from '@bufbuild/protobuf';
import { Refusal } from '../../../errors.js';
import type { OipEngine, OipVersion } from '../../../oip/engine.js';
import { metadataOf } from '../../../oip/metadata.js';
import { modelConfig } from '../../../oip/model-config.js';
import type { VersionStatistics } from '../../../oip/schemas.js';
import {
  DataType,
  GRPCInferenceService,
  type ModelConfigSchema,
  type ModelMetadataResponseSchema,
  type ModelStatisticsSchema,
  type StatisticDurationSchema,
} from '../messages/inference-messages.js';
import { type UnaryMethod, unary } from './method.js';
import type { ServiceParts } from './server.js';

/** What the protocol says of models and their versions. */
export function modelMethods({ engine, maxBatchDies }: ServiceParts): UnaryMethod[] {
  const { modelReady, modelMetadata, modelConfig: config, modelStatistics } = GRPCInferenceService.method;
  return [
    unary(modelReady, 'read', (named) => ({ ready: isReady(engine, named) })),
    unary(modelMetadata, 'read', (named) => metadataMessage(engine, find(engine, named))),
    unary(config, 'read', (named) => ({ config: configMessage(find(engine, named), maxBatchDies) })),
    unary(modelStatistics, 'read', (named) => {
      const { statistics } = engine;
      if (statistics === undefined)
        throw new Refusal('not_found', 'this server does not count what its models do');
      return { modelStats: versionsOf(engine, named).map((one) => statisticsMessage(one, statistics(one))) };
    }),
  ];
}

/** A model and its version as messages name them, empty where they are left out. */
interface Named {
  readonly name: string;
  readonly version: string;
}

/**
 * The version that a message names, whatever its state.
 * @throws Refusal `model_not_found` or `version_not_found`
 */
function find(engine: OipEngine, { name, version }: Named): OipVersion {
  return engine.find(name, version || undefined);
}

/** Whether what a message names can answer; what is not here cannot, as with Triton. */
export function isReady(engine: OipEngine, named: Named): boolean {
  try {
    return engine.state(find(engine, named)).state === 'READY';
  } catch (error) {
    if (error instanceof Refusal) return false;
    throw error;
  }
}

/** One version, all of a model's, or all there are. */
function versionsOf(engine: OipEngine, named: Named): readonly OipVersion[] {
  return named.version === '' ? engine.versions(named.name || undefined) : [find(engine, named)];
}

function metadataMessage(
  engine: OipEngine,
  version: OipVersion,
): MessageInitShape<typeof ModelMetadataResponseSchema> {
  const { inputs, outputs, ...metadata } = metadataOf(engine, version);
  const message = ({ name, datatype, shape }: (typeof inputs)[number]) => ({
    name,
    datatype,
    shape: shape.map(BigInt),
  });
  return { ...metadata, inputs: inputs.map(message), outputs: outputs.map(message) };
}

function configMessage(version: OipVersion, maxDies: number): MessageInitShape<typeof ModelConfigSchema> {
  const config = modelConfig(version, maxDies);
  const { preferred_batch_size, max_queue_delay_microseconds, default_queue_policy } =
    config.dynamic_batching;
  const tensor = ({ name, data_type, dims, reshape }: (typeof config.input)[number]) => ({
    name,
    dataType: DataType[data_type],
    dims: dims.map(BigInt),
    ...(reshape === undefined ? {} : { reshape: { shape: reshape.shape.map(BigInt) } }),
  });
  return {
    name: config.name,
    platform: config.platform,
    backend: config.backend,
    versionPolicy: { specific: { versions: config.version_policy.specific.versions.map(BigInt) } },
    maxBatchSize: config.max_batch_size,
    input: config.input.map(tensor),
    output: config.output.map(tensor),
    dynamicBatching: {
      preferredBatchSize: preferred_batch_size,
      maxQueueDelayMicroseconds: BigInt(max_queue_delay_microseconds),
      defaultQueuePolicy: {
        defaultTimeoutMicroseconds: BigInt(default_queue_policy.default_timeout_microseconds),
        maxQueueSize: default_queue_policy.max_queue_size,
      },
    },
    parameters: Object.fromEntries(
      Object.entries(config.parameters).map(([key, { string_value }]) => [
        key,
        { stringValue: string_value },
      ]),
    ),
  };
}

type Duration = VersionStatistics['inference_stats']['success'];

function statisticsMessage(
  { name, version }: OipVersion,
  { last_inference, inference_count, execution_count, inference_stats, batch_stats }: VersionStatistics,
): MessageInitShape<typeof ModelStatisticsSchema> {
  return {
    name,
    version,
    lastInference: BigInt(last_inference),
    inferenceCount: BigInt(inference_count),
    executionCount: BigInt(execution_count),
    inferenceStats: {
      success: duration(inference_stats.success),
      fail: duration(inference_stats.fail),
      queue: duration(inference_stats.queue),
      ...computed(inference_stats),
    },
    batchStats: batch_stats.map((batch) => ({ batchSize: BigInt(batch.batch_size), ...computed(batch) })),
  };
}

function computed(of: { compute_input: Duration; compute_infer: Duration; compute_output: Duration }) {
  return {
    computeInput: duration(of.compute_input),
    computeInfer: duration(of.compute_infer),
    computeOutput: duration(of.compute_output),
  };
}

function duration({ count, ns }: Duration): MessageInitShape<typeof StatisticDurationSchema> {
  return { count: BigInt(count), ns: BigInt(ns) };
}
