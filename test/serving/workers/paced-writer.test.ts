import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { PacedWriter } from '../../../src/serving/workers/worker-process.js';

const bytes = (length: number, first: number) => Uint8Array.from({ length }, (_, i) => (first + i) % 251);

/** What comes out of the other end. */
async function written(stream: PassThrough, length: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let total = 0;
  for await (const chunk of stream) {
    chunks.push(chunk);
    total += chunk.length;
    if (total >= length) break;
  }
  return Buffer.concat(chunks);
}

it('what is long comes out whole, and what follows comes behind it', async () => {
  const stream = new PassThrough();
  const writer = new PacedWriter(stream);
  const parts = [bytes(10, 1), bytes(1_000_000, 2), bytes(3, 3), bytes(700_001, 4)];
  writer.write(parts);
  writer.write([bytes(5, 6)]);
  const expected = Buffer.concat([...parts, bytes(5, 6)]);
  expect(Buffer.compare(await written(stream, expected.length), expected)).toBe(0);
});

it('others have turns of the event loop meanwhile', async () => {
  const stream = new PassThrough();
  const writer = new PacedWriter(stream);
  let turns = 0;
  const count = () => {
    turns++;
    if (writer.isUnderWay) setImmediate(count);
  };
  writer.write([bytes(4 * 1024 * 1024, 0)]);
  count();
  await written(stream, 4 * 1024 * 1024);
  expect(turns).toBeGreaterThan(10);
});

it('what is short is written at once', () => {
  const stream = new PassThrough();
  const writer = new PacedWriter(stream);
  writer.write([bytes(5, 0), bytes(6, 0)]);
  expect([writer.isUnderWay, stream.readableLength]).toEqual([false, 11]);
});
