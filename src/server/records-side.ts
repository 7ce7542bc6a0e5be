import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import type { Config } from '../config.js';
import { Fault } from '../errors.js';
import type { Actor, Audit, AuditedChange } from '../lifecycle/audit.js';
import type { Catalogue, CatalogueEntry } from '../models/catalogue.js';
import { createRecordsMetrics } from '../monitoring/metrics/records.js';
import type { Monitoring } from '../monitoring/monitoring.js';
import { createRecordsLog } from '../monitoring/records-log.js';
import { verifierKey } from '../records/checkpoint.js';
import { DieRecords } from '../records/die-records.js';
import { LookUps } from '../records/look-ups.js';
import { openRecords } from '../records/open-records.js';
import type { GateRecord } from '../records/record.js';
import type { Recorder } from '../records/recorder.js';
import type { Clock } from '../serving/clock.js';
import { DIEGATE_VERSION } from '../version.js';

export interface RecordsSideOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly monitoring: Monitoring;
  readonly catalogue: Catalogue;
  /** Compiled modules that its threads run, for tests. */
  readonly entries?: { readonly writer: string; readonly lookUp: string } | undefined;
}

/** The log of records and everything of the server that is written into it. */
export interface RecordsSide {
  readonly recorder: Recorder;
  readonly dies: DieRecords;
  readonly lookUps: LookUps;
  /** Absolute path of its folder. */
  readonly folder: string;
  readonly audited: Audit;
  readonly keysReloaded: (what: string, files: readonly string[]) => void;
  versionLoaded(entry: CatalogueEntry): void;
  versionUnloaded(entry: CatalogueEntry): void;
  /** Why no dies may come in; undefined where they may. */
  problem(): string | undefined;
  /** Makes all records durable. */
  close(): Promise<void>;
  /** Gives the folder back at once. */
  kill(): void;
}

const MEBIBYTE = 1024 * 1024;
const DAY_MS = 86_400_000;

/**
 * Opens the log of records.
 * @throws Fault `invalid_config` where its folder or its key cannot be used
 */
export async function createRecordsSide(options: RecordsSideOptions): Promise<RecordsSide> {
  const { config, clock, catalogue, monitoring } = options;
  const { logger, registry } = monitoring;
  if (config.RECORDS_DIR === undefined) throw new Fault('invalid_config', ['RECORDS_DIR: found nothing']);
  const folder = resolve(config.RECORDS_DIR);
  const keyFile = config.RECORDS_KEY_FILE === undefined ? undefined : resolve(config.RECORDS_KEY_FILE);
  const now = Date.now;
  const metrics = createRecordsMetrics(registry, () => recorder);
  const log = createRecordsLog(logger);
  const opened = await openRecords({
    entry: options.entries?.writer,
    clock,
    now,
    isDurable: config.RECORDS_ACK === 'durable',
    onStall: config.RECORDS_ON_STALL,
    bufferBytes: config.RECORDS_BUFFER_MB * MEBIBYTE,
    observers: [log, metrics],
    onLost: (error) => log.lost(error),
    writer: {
      folder,
      segmentBytes: config.RECORDS_SEGMENT_MB * MEBIBYTE,
      segmentMs: config.RECORDS_SEGMENT_MINUTES * 60_000,
      keepMs: config.RECORDS_KEEP_DAYS * DAY_MS,
      keepBytes: config.RECORDS_KEEP_MB * MEBIBYTE,
      name: config.RECORDS_NAME,
      keyFile,
    },
  });
  const { recorder } = opened;
  const lookUps = new LookUps(folder, options.entries?.lookUp);
  const append = (kind: GateRecord['kind'], detail: object, more: Partial<GateRecord> = {}) => {
    recorder.append({ ...more, kind, time: now(), detail: JSON.stringify(detail) });
  };
  const dies = new DieRecords({
    recorder,
    clock,
    now,
    inputs: config.RECORDS_INPUTS,
    modelHash: (model, version) => catalogue.entry(`${model}/${version}`)?.version?.manifest.sha256,
  });
  append('start', {
    diegate: DIEGATE_VERSION,
    node: process.versions.node,
    host: hostname(),
    pid: process.pid,
    log: config.RECORDS_NAME,
    key: keyFile === undefined ? undefined : verifierKey(config.RECORDS_NAME, readKey(keyFile)),
    recovered: opened.recovered,
  });
  for (const found of opened.recovered) {
    log.recovered(found);
    for (const [sequence, records] of found.damaged)
      append('gap', { reason: 'damaged', segment: found.segment, sequence, records });
  }
  let closed: Promise<void> | undefined;
  const come = (kind: 'load' | 'unload', { name, number, version }: CatalogueEntry) => {
    dies.forgetHashes();
    const { sha256, task } = version?.manifest ?? {};
    append(kind, { sha256, task }, { model: name, version: number });
  };
  return {
    recorder,
    dies,
    lookUps,
    folder,
    audited: ({ id, requestId, comment, approvedBy }: Actor, change: AuditedChange) => {
      const { model } = change;
      append('change', { ...change, comment, approved_by: approvedBy }, { keyId: id, requestId, model });
    },
    keysReloaded: (what, files) => append('keys', { what, files }),
    versionLoaded: (entry) => come('load', entry),
    versionUnloaded: (entry) => come('unload', entry),
    problem: () => recorder.refusal,
    close() {
      closed ??= (async () => {
        lookUps.close();
        append('stop', {});
        await opened.close();
      })();
      return closed;
    },
    kill() {
      lookUps.close();
      opened.kill();
    },
  };
}

/** It has been read once already, and was found to be one. */
function readKey(file: string) {
  return createPrivateKey(readFileSync(file, 'utf8'));
}
