import type { Frame } from './frames.js';
import type { FromWorker, ToWorker } from './messages.js';

/** A message as the parts of a frame. */
export interface WireMessage {
  readonly head: string;
  readonly parts: readonly Float32Array[];
}

// Stands in the JSON for a Float32Array of that length; the numbers follow in the frame, in order.
const FLOATS = '$float32';

/** A message as JSON, its Float32Arrays taken out to travel as they lie in memory. */
export function toWire(message: ToWorker | FromWorker): WireMessage {
  const parts: Float32Array[] = [];
  const head = JSON.stringify(message, (_key, value: unknown) => {
    if (!(value instanceof Float32Array)) return value;
    parts.push(value);
    return { [FLOATS]: value.length };
  });
  return { head, parts };
}

/**
 * The value that a frame carries; its Float32Arrays are views of the frame's floats.
 * @throws SyntaxError when the head is not JSON
 */
export function fromWire({ head, floats }: Frame): unknown {
  let offset = 0;
  return JSON.parse(head, (_key, value: unknown) => {
    if (typeof value !== 'object' || value === null || !(FLOATS in value)) return value;
    const length = Number(value[FLOATS]);
    offset += length;
    return floats.subarray(offset - length, offset);
  });
}

const TO_WORKER: ReadonlySet<unknown> = new Set<ToWorker['type']>(['open', 'warm', 'close', 'run', 'drift']);
const FROM_WORKER: ReadonlySet<unknown> = new Set<FromWorker['type']>([
  'started',
  'opened',
  'warmed',
  'closed',
  'ran',
  'drifted',
  'failed',
]);

/** Both ends are compiled from the same source: a message of a known type has that type's fields. */
export function isToWorker(value: unknown): value is ToWorker {
  return typeof value === 'object' && value !== null && 'type' in value && TO_WORKER.has(value.type);
}

/** See {@link isToWorker}. */
export function isFromWorker(value: unknown): value is FromWorker {
  return typeof value === 'object' && value !== null && 'type' in value && FROM_WORKER.has(value.type);
}
