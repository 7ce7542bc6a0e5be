import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import {
  FrameReader,
  framePieces,
  fromWire,
  isToWorker,
  toWire,
  type WireMessage,
} from '../../../src/serving/workers/frames.js';
import { bytesOf, readKeptModel } from '../../../src/serving/workers/model-bytes.js';
import { temporaryFolder } from '../../support/models.js';
import { specOf } from '../../support/pool.js';

it.each([0, 1, 5, 1024 * 1024, 2_500_001])(
  'a file of %i bytes comes to a worker as it was',
  async (length) => {
    const [graph, data] = [randomBytes(length), randomBytes(7)];
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'model.onnx'), graph);
    await writeFile(join(folder, 'weights'), data);
    const model = await readKeptModel(join(folder, 'model.onnx'), ['weights']);
    const spec = await specOf(graph, 2);
    const message = received(toWire({ type: 'open', spec, intraOpThreads: 1, model }));
    if (message.type !== 'open' || message.model === undefined) throw new Error('no model came');
    expect(Buffer.compare(bytesOf(message.model.graph), graph)).toBe(0);
    expect(message.model.external.map(({ path, bytes }) => [path, Buffer.from(bytesOf(bytes))])).toEqual([
      ['weights', data],
    ]);
    expect(message.spec.probes).toEqual(spec.probes);
  },
);

it('a file that cannot be read is not kept', async () => {
  expect(await readKeptModel(join(await temporaryFolder(), 'model.onnx'), [])).toBeUndefined();
});

/** The message as it comes out of a frame that was written in pieces. */
function received({ head, parts }: WireMessage) {
  const messages: unknown[] = [];
  const reader = new FrameReader();
  for (const piece of framePieces(head, parts))
    reader.push(Buffer.from(piece), (frame) => messages.push(fromWire(frame)));
  const [message] = messages;
  if (!isToWorker(message)) throw new Error('no message came');
  return message;
}
