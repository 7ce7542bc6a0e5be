import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Http2Error } from '../../../../src/doors/grpc/http2/errors.js';
import {
  contentOf,
  frameBytes,
  type Http2Frame,
  Http2FrameReader,
} from '../../../../src/doors/grpc/http2/frames.js';
import { PREFACE } from './support.js';

const anyFrame = fc.record({
  type: fc.integer({ min: 0, max: 255 }),
  flags: fc.integer({ min: 0, max: 255 }),
  stream: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
  payload: fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes)),
});

test('frames are the same however their bytes come', () => {
  fc.assert(
    fc.property(
      fc.array(anyFrame, { maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1 }),
      (frames, cuts) => {
        const bytes = Buffer.concat([
          PREFACE,
          ...frames.map(({ type, flags, stream, payload }) => frameBytes(type, flags, stream, payload)),
        ]);
        const read: Http2Frame[] = [];
        const reader = new Http2FrameReader((frame) =>
          read.push({ ...frame, payload: Buffer.from(frame.payload) }),
        );
        for (let at = 0, i = 0; at < bytes.length; i++) {
          const to = at + (cuts[i % cuts.length] ?? 1);
          reader.push(bytes.subarray(at, to));
          at = to;
        }
        expect(read).toEqual(frames.map((one) => ({ ...one })));
      },
    ),
  );
});

test('a connection that begins otherwise, and a frame that is too long, are refused at their first bytes', () => {
  expect(() => new Http2FrameReader(() => {}).push(Buffer.from('PRI * HTTP/1'))).toThrow(Http2Error);
  const reader = new Http2FrameReader(() => {});
  reader.push(PREFACE);
  expect(() => reader.push(Buffer.of(0, 0x40, 1, 0, 0, 0, 0, 0, 1))).toThrow('a frame of 16385 bytes');
});

test('what a frame holds is between its padding', () => {
  const padded = (flags: number, payload: number[]) =>
    contentOf({ type: 1, flags, stream: 1, payload: Buffer.from(payload) });
  expect([...padded(0x8, [2, 7, 7, 0, 0])]).toEqual([7, 7]);
  expect([...padded(0x28, [1, 0, 0, 0, 0, 9, 7, 0])]).toEqual([7]);
  expect(() => padded(0x8, [5, 0, 0])).toThrow('more padding than bytes');
});
