import { ErrorCode, Http2Error } from './errors.js';
import { MAX_FRAME_BYTES } from './frames.js';

/** Settings of RFC 9113, section 6.5.2, that are looked at or sent. */
const Setting = {
  ENABLE_PUSH: 2,
  MAX_CONCURRENT_STREAMS: 3,
  INITIAL_WINDOW_SIZE: 4,
  MAX_FRAME_SIZE: 5,
  MAX_HEADER_LIST_SIZE: 6,
} as const;

export const LARGEST_WINDOW = 2 ** 31 - 1;
/** What everybody may count on without being told. */
export const DEFAULT_WINDOW = 65_535;
/** A setting is a number of two bytes and a value of four. */
const SETTING_BYTES = 6;

/** What the client is told of us. */
export interface OwnSettings {
  readonly maxStreams: number;
  readonly windowBytes: number;
  readonly maxHeaderListBytes: number;
}

export function settingsPayload({ maxStreams, windowBytes, maxHeaderListBytes }: OwnSettings): Buffer {
  const settings = [
    [Setting.MAX_CONCURRENT_STREAMS, maxStreams],
    [Setting.INITIAL_WINDOW_SIZE, windowBytes],
    [Setting.MAX_HEADER_LIST_SIZE, maxHeaderListBytes],
  ] as const;
  const payload = Buffer.alloc(SETTING_BYTES * settings.length);
  settings.forEach(([id, value], i) => {
    payload.writeUInt16BE(id, SETTING_BYTES * i);
    payload.writeUInt32BE(value, SETTING_BYTES * i + 2);
  });
  return payload;
}

/**
 * What a client says of itself: the window of each of its streams, where it says that. Larger frames and pushes are not made
 * use of, but their settings have bounds.
 * @throws Http2Error where a value is out of bounds
 */
export function readSettings(payload: Buffer): number | undefined {
  if (payload.length % SETTING_BYTES !== 0)
    throw new Http2Error(ErrorCode.FRAME_SIZE_ERROR, `settings of ${payload.length} bytes`);
  let window: number | undefined;
  for (let at = 0; at < payload.length; at += SETTING_BYTES) {
    const id = payload.readUInt16BE(at);
    const value = payload.readUInt32BE(at + 2);
    if (id === Setting.ENABLE_PUSH && value > 1) throw outOfBounds('ENABLE_PUSH', value);
    if (id === Setting.MAX_FRAME_SIZE && (value < MAX_FRAME_BYTES || value >= 2 ** 24))
      throw outOfBounds('MAX_FRAME_SIZE', value);
    if (id !== Setting.INITIAL_WINDOW_SIZE) continue;
    if (value > LARGEST_WINDOW)
      throw new Http2Error(ErrorCode.FLOW_CONTROL_ERROR, `a window of ${value} bytes`);
    window = value;
  }
  return window;
}

function outOfBounds(name: string, value: number): Http2Error {
  return new Http2Error(ErrorCode.PROTOCOL_ERROR, `${name} of ${value}`);
}
