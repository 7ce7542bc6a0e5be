import { Counter, Gauge, type Registry } from 'prom-client';
import type { Recorder, RecordsObserver } from '../../records/recorder.js';

/**
 * Metrics of the log of records; they exist only where one is kept.
 * @param recorder undefined until the log is open
 */
export function createRecordsMetrics(
  registry: Registry,
  recorder: () => Pick<Recorder, 'counts' | 'missed' | 'waitingBytes'> | undefined,
): RecordsObserver {
  const registers = [registry];
  new Counter({
    name: 'records_total',
    help: 'Records that were taken, by what they are of',
    labelNames: ['kind'],
    registers,
    collect() {
      this.reset();
      for (const [kind, count] of recorder()?.counts ?? []) this.inc({ kind }, count);
    },
  });
  new Counter({
    name: 'records_missed_total',
    help: 'Records that were left out because the disk did not keep up',
    registers,
    collect() {
      this.reset();
      this.inc(recorder()?.missed ?? 0);
    },
  });
  new Gauge({
    name: 'records_waiting_bytes',
    help: 'Records and rows that wait for the disk, of RECORDS_BUFFER_MB',
    registers,
    collect() {
      this.set(recorder()?.waitingBytes ?? 0);
    },
  });
  const stalled = new Gauge({
    name: 'records_stalled',
    help: '1 while the disk takes no records, else 0',
    registers,
  });
  stalled.set(0);
  const sealed = new Counter({
    name: 'records_segments_sealed_total',
    help: 'Segments of records that were sealed',
    registers,
  });
  const failed = new Counter({
    name: 'records_seal_failures_total',
    help: 'Times that a segment could not be sealed; it is tried again each minute',
    registers,
  });
  const checkpoint = new Gauge({
    name: 'records_checkpoint',
    help: 'The newest checkpoint: its root is what a witness has to hold; the value is the records of its segment',
    labelNames: ['segment', 'root'],
    registers,
  });
  return {
    stalled: (reason) => stalled.set(reason === undefined ? 0 : 1),
    sealed({ segment, root, records }) {
      sealed.inc();
      checkpoint.reset();
      checkpoint.set({ segment: String(segment), root }, records);
    },
    sealFailed: () => failed.inc(),
  };
}
