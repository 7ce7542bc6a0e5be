/** The error codes of HTTP/2 that are used here (RFC 9113, section 7). */
export const ErrorCode = {
  NO_ERROR: 0x0,
  PROTOCOL_ERROR: 0x1,
  INTERNAL_ERROR: 0x2,
  FLOW_CONTROL_ERROR: 0x3,
  STREAM_CLOSED: 0x5,
  FRAME_SIZE_ERROR: 0x6,
  REFUSED_STREAM: 0x7,
  CANCEL: 0x8,
  COMPRESSION_ERROR: 0x9,
  ENHANCE_YOUR_CALM: 0xb,
} as const;

export type ErrorCode = (typeof ErrorCode)[keyof typeof ErrorCode];

/** What a client has done against the protocol: its connection ends. */
export class Http2Error extends Error {
  override readonly name: string = 'Http2Error';
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** What is wrong with one stream alone: it is reset, and the others go on. */
export class StreamError extends Http2Error {
  override readonly name = 'StreamError';
  readonly stream: number;

  constructor(stream: number, code: ErrorCode, message: string) {
    super(code, message);
    this.stream = stream;
  }
}

/** What the protocol does not allow. */
export function violation(message: string): Http2Error {
  return new Http2Error(ErrorCode.PROTOCOL_ERROR, message);
}
