import { create, toBinary } from '@bufbuild/protobuf';
import { Refusal } from '../../../errors.js';
import type { OipEngine } from '../../../oip/engine.js';
import type { Clock } from '../../../serving/clock.js';
import {
  Health,
  HealthCheckRequestSchema,
  HealthCheckResponseSchema,
  HealthCheckResponse_ServingStatus as Status,
} from '../messages/health-messages.js';
import { GRPCInferenceService } from '../messages/inference-messages.js';
import { ServerReflection } from '../messages/reflection-messages.js';
import { type CallContext, type GrpcMethod, readMessage, unary } from './method.js';
import { isReady } from './models.js';

interface HealthParts {
  readonly engine: OipEngine;
  readonly clock: Pick<Clock, 'after'>;
}

// How often those who watch are told of a change, at most: as readiness is looked at, nobody is told of it.
const LOOK_MS = 250;

/** What stands for the whole server: nothing, and the services themselves. */
const SERVER: ReadonlySet<string> = new Set([
  '',
  Health.typeName,
  GRPCInferenceService.typeName,
  ServerReflection.typeName,
]);

/** grpc.health.v1 by the server's readiness, and by that of a model (`die-defect`) or a version (`die-defect/1`). */
export function healthMethods({ engine, clock }: HealthParts): GrpcMethod[] {
  return [
    unary(Health.method.check, undefined, ({ service }) => {
      const status = statusOf(engine, service);
      if (status !== Status.SERVICE_UNKNOWN) return { status };
      throw new Refusal(
        'model_not_found',
        `service: expected nothing, a model or model/version, found "${service.slice(0, 80)}"`,
      );
    }),
    {
      kind: 'stream',
      path: `/${Health.typeName}/${Health.method.watch.name}`,
      permission: undefined,
      async *answer(requests, context) {
        for await (const request of requests) {
          const { service } = readMessage(HealthCheckRequestSchema, request);
          for await (const status of changes(() => statusOf(engine, service), clock, context))
            yield toBinary(HealthCheckResponseSchema, create(HealthCheckResponseSchema, { status }));
          return;
        }
      },
    },
  ];
}

/** The value now and whenever it has become another one, to the end of the call. */
async function* changes<T>(
  valueNow: () => T,
  clock: HealthParts['clock'],
  { signal }: CallContext,
): AsyncGenerator<T> {
  let told: T | undefined;
  while (!signal.aborted) {
    const value = valueNow();
    if (value !== told) yield value;
    told = value;
    await elapsed(clock, signal);
  }
}

function elapsed(clock: HealthParts['clock'], signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const end = () => {
      cancel();
      signal.removeEventListener('abort', end);
      resolve();
    };
    const cancel = clock.after(LOOK_MS, end);
    signal.addEventListener('abort', end);
  });
}

function statusOf(engine: OipEngine, service: string): Status {
  if (SERVER.has(service)) return engine.missing().length === 0 ? Status.SERVING : Status.NOT_SERVING;
  const [name = '', version = '', more] = service.split('/');
  if (more !== undefined || !isKnown(engine, name, version)) return Status.SERVICE_UNKNOWN;
  return isReady(engine, { name, version }) ? Status.SERVING : Status.NOT_SERVING;
}

function isKnown(engine: OipEngine, name: string, version: string): boolean {
  try {
    return engine.versions(name).some((one) => version === '' || one.version === version);
  } catch (error) {
    if (error instanceof Refusal) return false;
    throw error;
  }
}
