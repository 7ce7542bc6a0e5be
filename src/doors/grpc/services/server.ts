import type { OipEngine } from '../../../oip/engine.js';
import { extensionsOf } from '../../../oip/metadata.js';
import { GRPCInferenceService } from '../messages/inference-messages.js';
import { type UnaryMethod, unary } from './method.js';

/** What every service of the protocol answers from. */
export interface ServiceParts {
  readonly engine: OipEngine;
  /** Version of diegate. */
  readonly version: string;
  /** Most dies in one call. */
  readonly maxBatchDies: number;
}

/** What the protocol says of the server as a whole. */
export function serverMethods({ engine, version }: ServiceParts): UnaryMethod[] {
  const { serverLive, serverReady, serverMetadata } = GRPCInferenceService.method;
  return [
    unary(serverLive, undefined, () => ({ live: true })),
    unary(serverReady, undefined, () => ({ ready: engine.missing().length === 0 })),
    unary(serverMetadata, 'read', () => ({ name: 'diegate', version, extensions: extensionsOf(engine) })),
  ];
}
