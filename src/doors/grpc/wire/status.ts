import type { RefusalCode } from '../../../errors.js';

/** The status codes of gRPC that are given here, by the numbers of the trailer `grpc-status`. */
export const GrpcStatus = {
  OK: 0,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  UNAUTHENTICATED: 16,
} as const;

type GrpcStatusCode = (typeof GrpcStatus)[keyof typeof GrpcStatus];

/**
 * The status of each refusal. UNAVAILABLE is what may be sent again, which clients do by themselves where they are
 * configured to; RESOURCE_EXHAUSTED is a limit of this caller or of the message.
 */
export const STATUS_OF: Readonly<Record<RefusalCode, GrpcStatusCode>> = {
  invalid_json: GrpcStatus.INVALID_ARGUMENT,
  bad_request: GrpcStatus.INVALID_ARGUMENT,
  unauthorized: GrpcStatus.UNAUTHENTICATED,
  forbidden: GrpcStatus.PERMISSION_DENIED,
  not_found: GrpcStatus.UNIMPLEMENTED,
  method_not_allowed: GrpcStatus.UNIMPLEMENTED,
  model_not_found: GrpcStatus.NOT_FOUND,
  version_not_found: GrpcStatus.NOT_FOUND,
  drift_not_measured: GrpcStatus.NOT_FOUND,
  change_conflict: GrpcStatus.FAILED_PRECONDITION,
  request_timeout: GrpcStatus.DEADLINE_EXCEEDED,
  body_too_large: GrpcStatus.RESOURCE_EXHAUSTED,
  batch_too_large: GrpcStatus.INVALID_ARGUMENT,
  unsupported_media_type: GrpcStatus.UNIMPLEMENTED,
  invalid_input: GrpcStatus.INVALID_ARGUMENT,
  unscorable_die: GrpcStatus.FAILED_PRECONDITION,
  rate_limited: GrpcStatus.RESOURCE_EXHAUSTED,
  headers_too_large: GrpcStatus.RESOURCE_EXHAUSTED,
  internal_error: GrpcStatus.INTERNAL,
  queue_full: GrpcStatus.UNAVAILABLE,
  draining: GrpcStatus.UNAVAILABLE,
  records_unavailable: GrpcStatus.UNAVAILABLE,
  model_not_ready: GrpcStatus.UNAVAILABLE,
  state_not_saved: GrpcStatus.UNAVAILABLE,
  inference_failed: GrpcStatus.UNAVAILABLE,
  deadline_exceeded: GrpcStatus.DEADLINE_EXCEEDED,
};

/** Longest text of a trailer, in bytes once encoded: clients bound what headers they take, by 8 KiB. */
const MAX_MESSAGE_BYTES = 4096;

/** A text as the trailer `grpc-message` has it: UTF-8, all but visible ASCII and '%' itself percent-encoded. */
export function encodeStatusMessage(text: string): string {
  const encoded = text.replace(/[^\x20-\x24\x26-\x7e]+/gu, (found) =>
    Array.from(Buffer.from(found), (byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
  );
  // Not within an encoded byte.
  return encoded.slice(0, MAX_MESSAGE_BYTES).replace(/%[0-9A-F]?$/, '');
}
