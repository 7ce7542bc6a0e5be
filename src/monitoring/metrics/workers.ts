import { readFileSync } from 'node:fs';
import type { Registry } from 'prom-client';
import type { WorkerObserver } from '../../serving/workers/worker-observer.js';
import { SeriesCounter } from './series.js';
import { type GaugeSample, SeriesGauge } from './series-gauge.js';

/** What a process has used so far. */
export interface ProcessUsage {
  /** Processor time in user mode and in the kernel, seconds. */
  readonly cpuSeconds: number;
  readonly residentBytes: number;
}

/** Units of processor time in /proc a second: what Linux shows programs, whatever the kernel counts in. */
const TICKS_A_SECOND = 100;

/**
 * Processor time and memory of all workers together: they, and not the server process, run the models. A worker that
 * is lost leaves the time that it had used at the last scrape.
 * @param usageOf undefined for a process that is not there, or where the system does not say
 */
export function createWorkerMetrics(
  registry: Registry,
  usageOf: (pid: number) => ProcessUsage | undefined = readUsage,
): Required<Pick<WorkerObserver, 'workerStarted' | 'workerLost' | 'workerLeft'>> {
  const registers = [registry];
  const cpuSecondsOf = new Map<number, number>();
  const cpu = new SeriesCounter(
    { name: 'worker_cpu_seconds_total', help: 'CPU time of all workers, user and system', registers },
    () => {
      for (const [pid, before] of cpuSecondsOf) {
        const now = usageOf(pid)?.cpuSeconds ?? before;
        total.add(Math.max(0, now - before));
        cpuSecondsOf.set(pid, now);
      }
    },
  );
  const total = cpu.series({});
  let sample: GaugeSample = { labels: {}, value: 0 };
  new SeriesGauge(
    { name: 'worker_resident_memory_bytes', help: 'Resident memory of all workers together', registers },
    () => {
      let value = 0;
      for (const pid of cpuSecondsOf.keys()) value += usageOf(pid)?.residentBytes ?? 0;
      if (value !== sample.value) sample = { labels: {}, value };
      return [sample];
    },
  );
  const forget = (pid: number | undefined) => {
    if (pid !== undefined) cpuSecondsOf.delete(pid);
  };
  return {
    workerStarted(pid) {
      if (pid !== undefined) cpuSecondsOf.set(pid, 0);
    },
    workerLost: forget,
    workerLeft: forget,
  };
}

/** Of Linux; there is no such folder elsewhere. */
function readUsage(pid: number): ProcessUsage | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name, in parentheses, may hold anything; utime and stime are the fields 14 and 15, of which two precede it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return {
      cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND,
      residentBytes: Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024,
    };
  } catch {
    return undefined;
  }
}
