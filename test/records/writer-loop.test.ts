import { existsSync, readFileSync, rmSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { readSegmentBytes } from '../../src/records/open-segment.js';
import { decodeRecord } from '../../src/records/record-codec.js';
import { segmentFile } from '../../src/records/segment-files.js';
import type { ClosedSegment } from '../../src/records/segment-writer.js';
import type { FromWriter } from '../../src/records/thread-messages.js';
import { WriterLoop } from '../../src/records/writer-loop.js';
import { FakeClock } from '../support/fake-clock.js';
import { dieRecord } from './records.js';
import { chunkOf, FaultyDisk, temporaryFolder } from './writing.js';

function bench(settings: { segmentBytes?: number; segmentMs?: number } = {}) {
  const folder = temporaryFolder();
  const disk = new FaultyDisk();
  const clock = new FakeClock();
  const said: FromWriter[] = [];
  const closed: ClosedSegment[] = [];
  const loop = new WriterLoop({
    settings: { folder, segmentBytes: 1e9, segmentMs: 1e9, ...settings },
    disk,
    clock,
    segment: 1,
    next: 0,
    say: (message) => said.push(message),
    onClosed: (segment) => closed.push(segment),
  });
  let count = 0;
  return {
    folder,
    disk,
    clock,
    said,
    closed,
    loop,
    send(records: number, isAwaited = false): void {
      const { bytes } = chunkOf(Array.from({ length: records }, () => dieRecord({ dieId: `d${count++}` })));
      const memory = new ArrayBuffer(bytes.length);
      Buffer.from(memory).set(bytes);
      loop.hear({ type: 'chunk', memory, bytes: bytes.length, records, isAwaited });
    },
    progress: () => said.filter((message) => message.type === 'progress').at(-1),
    dies: (segment = 1) =>
      readSegmentBytes(readFileSync(segmentFile(folder, segment, 'open'))).entries.map(({ record }) => {
        const { sequence, dieId } = decodeRecord(record) ?? {};
        return `${sequence} ${dieId}`;
      }),
  };
}

const full = () => Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });

describe('the writer of records', () => {
  test('gives each record its place, and hands all of a chunk to the system at once', () => {
    const { send, dies, progress } = bench();
    send(2);
    send(1);
    expect(dies()).toEqual(['0 d0', '1 d1', '2 d2']);
    expect(progress()).toMatchObject({ written: 3, durable: 0 });
  });

  test('makes durable at once what somebody waits for, and all else within a second', async () => {
    const { send, clock, progress, disk } = bench();
    send(1);
    expect(disk.steps).not.toContain('sync');
    send(1, true);
    expect(progress()).toMatchObject({ written: 2, durable: 2, awaited: 1 });
    send(1);
    expect(progress()).toMatchObject({ written: 3, durable: 2 });
    await clock.advance(1000);
    expect(progress()).toMatchObject({ written: 3, durable: 3 });
  });

  test('ends a segment by its size', () => {
    const { send, closed, dies } = bench({ segmentBytes: 500 });
    send(3);
    send(1);
    expect(closed).toEqual([{ segment: 1, records: 3 }]);
    expect([dies(1), dies(2)]).toEqual([['0 d0', '1 d1', '2 d2'], ['3 d3']]);
  });

  test('ends a segment by its age, and none that holds no record', async () => {
    const { send, clock, closed } = bench({ segmentMs: 5000 });
    await clock.advance(20_000);
    send(1);
    await clock.advance(4000);
    expect(closed).toEqual([]);
    await clock.advance(1000);
    expect(closed).toEqual([{ segment: 1, records: 1 }]);
    await clock.advance(20_000);
    expect(closed).toHaveLength(1);
  });

  test.each(['write', 'sync', 'create'] as const)(
    'a disk that refuses to %s is told of, tried again, and loses and doubles nothing',
    async (step) => {
      const { send, disk, clock, said, dies, progress } = bench();
      if (step !== 'create') send(2);
      disk.fault = (what) => (what === step ? full() : undefined);
      send(2, true);
      send(1);
      expect(said).toContainEqual({ type: 'stalled', reason: expect.stringContaining('ENOSPC') });
      await clock.advance(5000);
      expect(said.filter(({ type }) => type === 'stalled')).toHaveLength(1);
      expect(progress()?.durable ?? 0).toBe(0);
      disk.fault = undefined;
      await clock.advance(500);
      const records = step === 'create' ? 3 : 5;
      expect(said).toContainEqual({ type: 'recovered', lost: 0 });
      expect(progress()).toMatchObject({ written: records, durable: records });
      expect(dies()).toEqual(Array.from({ length: records }, (_, i) => `${i} d${i}`));
    },
  );

  test('a segment that was removed is noticed, followed by another, and what it held is counted as lost', async () => {
    const { send, folder, clock, said, dies } = bench();
    send(2, true);
    rmSync(segmentFile(folder, 1, 'open'));
    send(1);
    await clock.advance(1000);
    expect(said).toContainEqual({ type: 'stalled', reason: expect.stringContaining('has been removed') });
    await clock.advance(500);
    expect(said).toContainEqual({ type: 'recovered', lost: 2 });
    expect(dies(2)).toEqual(['2 d2']);
  });

  test('a folder that was removed is waited for', async () => {
    const { send, folder, clock, said } = bench();
    send(1, true);
    rmSync(folder, { recursive: true });
    send(1);
    await clock.advance(10_000);
    expect(said.filter(({ type }) => type === 'recovered')).toEqual([]);
    expect(existsSync(folder)).toBe(false);
  });

  test('at the end everything is durable, also where the disk comes back only then', async () => {
    const { send, disk, clock, said, loop, dies } = bench();
    disk.fault = (what) => (what === 'write' ? full() : undefined);
    send(1);
    loop.hear({ type: 'close' });
    expect(said.filter(({ type }) => type === 'closed')).toEqual([]);
    disk.fault = undefined;
    await clock.advance(500);
    expect(said.at(-1)).toEqual({ type: 'closed' });
    expect(dies()).toEqual(['0 d0']);
  });
});
