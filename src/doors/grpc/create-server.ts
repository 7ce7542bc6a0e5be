import { ResponseEncoder } from './infer/encode-response.js';
import type { InferParts } from './infer/infer-exchange.js';
import { GrpcServer, type GrpcServerOptions } from './server.js';
import { healthMethods } from './services/health.js';
import { modelMethods } from './services/models.js';
import { reflectionMethods } from './services/reflection.js';
import { repositoryMethods } from './services/repository.js';
import { type ServiceParts, serverMethods } from './services/server.js';

/** What the door is made of, but for its methods. */
interface GrpcDoorOptions
  extends Omit<GrpcServerOptions, 'methods' | 'infer'>,
    Pick<ServiceParts, 'engine' | 'version'> {
  readonly infer: Omit<InferParts, 'encoder'>;
}

/** gRPC with all its services. */
export function createGrpcServer({ engine, version, infer, ...options }: GrpcDoorOptions): GrpcServer {
  const { maxBatchDies } = infer;
  const parts: ServiceParts = { engine, version, maxBatchDies };
  const methods = [
    ...serverMethods(parts),
    ...modelMethods(parts),
    ...repositoryMethods(parts),
    ...healthMethods({ engine, clock: options.clock }),
    ...reflectionMethods(options.access === undefined ? undefined : 'read'),
  ];
  return new GrpcServer({ ...options, methods, infer: { ...infer, encoder: new ResponseEncoder() } });
}
