import { describe, expect, test } from 'vitest';
import { ENTRY_HEAD_BYTES, RECORD_BYTES_AT, ROW_BYTES_AT } from '../../src/records/open-segment.js';
import { decodeRecord } from '../../src/records/record-codec.js';
import { Recorder, type RecordsObserver } from '../../src/records/recorder.js';
import type { FromWriter, ToWriter } from '../../src/records/thread-messages.js';
import { FakeClock } from '../support/fake-clock.js';
import { dieRecord } from './records.js';

type Chunk = Extract<ToWriter, { type: 'chunk' }>;

function bench({
  isDurable = false,
  onStall = 'refuse' as 'refuse' | 'block' | 'drop',
  bufferBytes = 1e6,
} = {}) {
  const clock = new FakeClock();
  const chunks: Chunk[] = [];
  const told: string[] = [];
  let hear: (message: FromWriter) => void = () => {};
  const observer: RecordsObserver = {
    stalled: (reason) => told.push(reason ?? 'recovered'),
    missed: (records) => told.push(`${records} missed`),
  };
  const recorder = new Recorder({
    thread: {
      post: (message) => {
        if (message.type === 'chunk') chunks.push(message);
      },
      onMessage: (listener) => {
        hear = listener;
      },
    },
    clock,
    now: () => 5,
    isDurable,
    onStall,
    bufferBytes,
    observers: [observer],
  });
  let written = 0;
  return {
    clock,
    chunks,
    told,
    recorder,
    say: (message: FromWriter) => hear(message),
    /** The thread has dealt with everything that it was given. */
    settle(durably = true): void {
      const bytes = chunks.reduce((sum, chunk) => sum + chunk.bytes, 0);
      written += chunks.reduce((sum, { records }) => sum + records, 0);
      const awaited = chunks.filter(({ isAwaited }) => isAwaited).length;
      chunks.length = 0;
      hear({ type: 'progress', written, durable: durably ? written : 0, bytes, awaited, memory: [] });
    },
  };
}

const rowOf = (values: Float32Array) => ({ values, hash: undefined, isKept: false });

const settled = async (promise: Promise<void>) => {
  let state = 'waits';
  promise.then(
    () => {
      state = 'kept';
    },
    (error: unknown) => {
      state = String(error);
    },
  );
  await new Promise((resolve) => setImmediate(resolve));
  return () => state;
};

function recordsIn({ memory, bytes }: Chunk) {
  const all = Buffer.from(memory, 0, bytes);
  const records = [];
  for (let at = 0; at < all.length; ) {
    const end = at + ENTRY_HEAD_BYTES + all.readUInt32LE(at + RECORD_BYTES_AT);
    records.push(decodeRecord(all.subarray(at + ENTRY_HEAD_BYTES, end)));
    // Two bits say what is to be done with the row.
    at = end + (all.readUInt32LE(at + ROW_BYTES_AT) & 0x3fff_ffff);
  }
  return records;
}

describe('records of dies that nobody waits for', () => {
  test('leave together some milliseconds after the first', async () => {
    const { recorder, chunks, clock } = bench();
    expect(recorder.append(dieRecord({ dieId: 'a' }))).toBe(false);
    recorder.append(dieRecord({ dieId: 'b' }), undefined, rowOf(Float32Array.of(1, 2)));
    await clock.advance(49);
    expect(chunks).toEqual([]);
    await clock.advance(1);
    expect(chunks).toMatchObject([{ records: 2, isAwaited: false }]);
    expect(chunks.flatMap(recordsIn).map((record) => record?.dieId)).toEqual(['a', 'b']);
  });

  test('leave before that where they fill a chunk', () => {
    const { recorder, chunks } = bench({ bufferBytes: 1e9 });
    const row = new Float32Array(8192);
    for (let i = 0; i < 40; i++) recorder.append(dieRecord(), undefined, rowOf(row));
    expect(chunks.length).toBeGreaterThan(1);
  });

  test('of very many parameters find room', () => {
    const { recorder, chunks } = bench({ bufferBytes: 1e9 });
    recorder.append(dieRecord(), undefined, rowOf(new Float32Array(200_000)));
    recorder.append(dieRecord());
    expect(chunks).toMatchObject([{ records: 1 }]);
  });
});

describe('records that answers wait for', () => {
  test('leave at the end of the turn, those that come meanwhile when the first are durable', async () => {
    const { recorder, chunks, clock, settle } = bench({ isDurable: true });
    expect(recorder.append(dieRecord())).toBe(true);
    const first = await settled(recorder.whenKept());
    clock.endTurn();
    expect(chunks).toMatchObject([{ records: 1, isAwaited: true }]);
    recorder.append(dieRecord());
    recorder.append(dieRecord());
    const others = await settled(recorder.whenKept());
    clock.endTurn();
    expect(chunks).toHaveLength(1);
    settle();
    await Promise.resolve();
    expect([first(), others()]).toEqual(['kept', 'waits']);
    clock.endTurn();
    expect(chunks).toMatchObject([{ records: 2, isAwaited: true }]);
  });

  test('refuse whoever would be answered too late', async () => {
    const { recorder, clock, settle } = bench({ isDurable: true });
    recorder.append(dieRecord());
    const late = await settled(recorder.whenKept(clock.nowMs() + 50));
    const patient = await settled(recorder.whenKept());
    await clock.advance(70);
    expect([late(), patient()]).toEqual(['Refusal: the deadline passed before the record was kept', 'waits']);
    settle();
    await Promise.resolve();
    expect(patient()).toBe('kept');
  });

  test('may be waited for one by one', async () => {
    const { recorder, settle } = bench();
    const kept = await settled(recorder.appendDurably({ kind: 'change', time: 1 }));
    settle(false);
    await Promise.resolve();
    expect(kept()).toBe('waits');
    settle();
    await Promise.resolve();
    expect(kept()).toBe('kept');
  });
});

describe('a disk that takes no records', () => {
  test('refuse: dies are refused until it does again, and that is told once', () => {
    const { recorder, say, told } = bench();
    expect(() => recorder.assertOpen()).not.toThrow();
    say({ type: 'stalled', reason: 'ENOSPC' });
    say({ type: 'stalled', reason: 'ENOSPC' });
    expect(() => recorder.assertOpen()).toThrow('no record of the die can be kept: ENOSPC');
    expect(recorder.refusal).toBe('ENOSPC');
    say({ type: 'recovered', lost: 0 });
    expect(recorder.refusal).toBeUndefined();
    expect(told).toEqual(['ENOSPC', 'recovered']);
  });

  test('block: answers wait for it', async () => {
    const { recorder, say, settle, clock } = bench({ onStall: 'block' });
    say({ type: 'stalled', reason: 'ENOSPC' });
    expect(recorder.append(dieRecord())).toBe(true);
    const waits = await settled(recorder.whenKept());
    await clock.advance(50);
    expect(waits()).toBe('waits');
    say({ type: 'recovered', lost: 0 });
    settle(false);
    await Promise.resolve();
    expect(waits()).toBe('kept');
  });

  test('drop: what finds no room is counted, and a record tells of the gap', async () => {
    const { recorder, clock, settle, told, chunks } = bench({ onStall: 'drop', bufferBytes: 600 });
    for (let i = 0; i < 10; i++) recorder.append(dieRecord({ time: i }));
    const { missed } = recorder;
    expect(missed).toBeGreaterThan(5);
    await clock.advance(50);
    settle();
    await clock.advance(50);
    expect(chunks.flatMap(recordsIn)).toMatchObject([
      {
        kind: 'gap',
        detail: JSON.stringify({
          reason: 'the disk did not keep up',
          records: missed,
          fromMs: 10 - missed,
          toMs: 9,
        }),
      },
    ]);
    expect(told).toContain(`${missed} missed`);
    expect(recorder.counts.get('prediction')).toBe(10 - missed);
  });

  test('records that went with a removed file leave a record of the gap', async () => {
    const { say, clock, chunks } = bench();
    say({ type: 'recovered', lost: 3 });
    await clock.advance(50);
    expect(chunks.flatMap(recordsIn)).toMatchObject([
      { kind: 'gap', detail: '{"reason":"the open segment was removed","records":3}' },
    ]);
  });
});
