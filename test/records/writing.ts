import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { type RecordsDisk, realDisk } from '../../src/records/disk.js';
import { ENTRY_HEAD_BYTES, RECORD_BYTES_AT, ROW_BYTES_AT } from '../../src/records/open-segment.js';
import type { GateRecord } from '../../src/records/record.js';
import { encodeGateRecord, recordMemory, roomForRecord } from '../../src/records/record-codec.js';
import {
  type RecordChunk,
  ROW_IS_DROPPED,
  ROW_IS_HASHED,
  SegmentWriter,
} from '../../src/records/segment-writer.js';

/** A folder that is gone after the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'diegate-records-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Records as the event loop hands them over; with a row where it is given. */
export function chunkOf(records: readonly GateRecord[], row?: Float32Array, keepsRow = false): RecordChunk {
  const rowBytes = row === undefined ? Buffer.alloc(0) : Buffer.from(row.buffer);
  const flags = ROW_IS_HASHED + (keepsRow ? 0 : ROW_IS_DROPPED);
  const parts = records.map((record) => {
    const memory = recordMemory(new ArrayBuffer(ENTRY_HEAD_BYTES + roomForRecord(record)));
    const model = record.modelSha256 === undefined ? undefined : Buffer.from(record.modelSha256, 'hex');
    const end = encodeGateRecord(memory, ENTRY_HEAD_BYTES, record, model, row && 'later');
    memory.bytes.writeUInt32LE(end - ENTRY_HEAD_BYTES, RECORD_BYTES_AT);
    memory.bytes.writeUInt32LE(row === undefined ? 0 : rowBytes.length + flags, ROW_BYTES_AT);
    return Buffer.concat([memory.bytes.subarray(0, end), rowBytes]);
  });
  return { bytes: Buffer.concat(parts), records: records.length };
}

/** Writes a segment as a server does, and closes it. */
export function writeSegment(
  folder: string,
  segment: number,
  chunks: readonly RecordChunk[],
  next = 0,
): void {
  const writer = new SegmentWriter({ folder, disk: realDisk, segment, next });
  for (const chunk of chunks) writer.take(chunk);
  writer.roll();
}

/** The disk, with a fault that can be switched on: what it throws is what `fault` says. */
export class FaultyDisk implements RecordsDisk {
  fault: ((step: keyof RecordsDisk) => Error | undefined) | undefined;
  /** What has been asked of it. */
  readonly steps: (keyof RecordsDisk)[] = [];

  create = (file: string) => this.#do('create', () => realDisk.create(file));
  sync = (fd: number) => this.#do('sync', () => realDisk.sync(fd));
  truncate = (fd: number, bytes: number) => this.#do('truncate', () => realDisk.truncate(fd, bytes));
  isThere = (fd: number) => this.#do('isThere', () => realDisk.isThere(fd));
  close = (fd: number) => this.#do('close', () => realDisk.close(fd));
  syncFolder = (folder: string) => this.#do('syncFolder', () => realDisk.syncFolder(folder));

  /** A disk that is full takes a part of what it is given. */
  write = (fd: number, bytes: Uint8Array, position: number) => {
    const error = this.fault?.('write');
    this.steps.push('write');
    if (error !== undefined) {
      realDisk.write(fd, bytes.subarray(0, Math.floor(bytes.length / 2)), position);
      throw error;
    }
    realDisk.write(fd, bytes, position);
  };

  #do<T>(step: keyof RecordsDisk, run: () => T): T {
    this.steps.push(step);
    const error = this.fault?.(step);
    if (error !== undefined) throw error;
    return run();
  }
}
