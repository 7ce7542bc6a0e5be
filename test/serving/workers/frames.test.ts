import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Frame,
  FrameReader,
  FrameWriter,
  fromWire,
  toWire,
} from '../../../src/serving/workers/frames.js';
import type { FromWorker } from '../../../src/serving/workers/messages.js';

const floats = fc
  .array(fc.float(), { maxLength: 3000, size: 'max' })
  .map((values) => Float32Array.from(values));
const frame = fc.record({ head: fc.string({ unit: 'binary' }), floats });

/** What a stream carries: the frames one behind the other, each copied before the writer goes on. */
const streamOf = (frames: readonly Frame[]): Buffer => {
  const writer = new FrameWriter();
  return Buffer.concat(frames.map(({ head, floats: part }) => Buffer.from(writer.write(head, [part]))));
};

describe('frames on the channel of a worker', () => {
  it('come out as they went in, whatever the chunks in which their bytes come', () => {
    const cuts = fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1, maxLength: 50 });
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 5 }), cuts, (frames, sizes) => {
        const stream = streamOf(frames);
        const reader = new FrameReader();
        const received: Frame[] = [];
        for (let at = 0, i = 0; at < stream.length; i++) {
          const size = sizes[i % sizes.length] ?? 1;
          reader.push(stream.subarray(at, at + size), (each) => received.push(each));
          at += size;
        }
        expect(received.map(({ head }) => head.trimEnd())).toEqual(
          frames.map(({ head }) => Buffer.from(head).toString().trimEnd()),
        );
        expect(received.map((each) => each.floats)).toEqual(frames.map((each) => each.floats));
      }),
      { numRuns: 60 },
    );
  });

  it('that are as large as a model file come out whole, and so does what follows', () => {
    const large = Float32Array.from({ length: 3_000_000 }, (_, i) => i);
    const frames = [large, Float32Array.of(1, 2), large].map((part, i) => ({
      head: `frame ${i}`,
      floats: part,
    }));
    const received: Frame[] = [];
    new FrameReader().push(streamOf(frames), (each) => received.push(each));
    expect(received.map((each) => [each.head.trimEnd(), each.floats.length, each.floats.at(-1)])).toEqual([
      ['frame 0', 3_000_000, 2_999_999],
      ['frame 1', 2, 2],
      ['frame 2', 3_000_000, 2_999_999],
    ]);
  });

  it('carry a message with its numbers to the last bit, NaN and -0 included', () => {
    const scores = Float32Array.of(Number.NaN, -0, 1e-45, 3.4028234663852886e38, Number.NEGATIVE_INFINITY);
    const contributions = Float32Array.of(0.1, 0.2);
    const message: FromWorker = { type: 'ran', scores, contributions, runMs: 0.25 };
    const { head, parts } = toWire(message);
    const received: unknown[] = [];
    new FrameReader().push(new FrameWriter().write(head, parts), (each) => received.push(fromWire(each)));
    expect(received).toEqual([message]);
  });
});
