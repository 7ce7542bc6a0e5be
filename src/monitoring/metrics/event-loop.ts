import { performance } from 'node:perf_hooks';
import type { Registry } from 'prom-client';
import type { Clock } from '../../serving/clock.js';
import { SeriesHistogram } from './series.js';

/** How often the event loop is asked for a turn while it has something to do, milliseconds. */
export const EVENT_LOOP_PERIOD_MS = 10;

/** The same while it has nothing to do: a server that nobody asks is to cost nothing. */
const IDLE_PERIOD_MS = 500;

// Share of the time that the loop has to be at work for the short period; the short period itself takes half a percent.
const BUSY_SHARE = 0.05;

// Timers have a resolution of 1 ms, so below 2 ms there is nothing to see.
const DELAY_BUCKETS_S = [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1];

/**
 * How late the event loop is: a timer that notes by how much each of its turns came after its time, of
 * {@link EVENT_LOOP_PERIOD_MS} while the loop is at work and of {@link IDLE_PERIOD_MS} while it is not. A histogram that only
 * grows, so any number of scrapers may read it.
 * @param workedShare share of the time since it was asked last in which the loop was at work, 0 to 1
 * @returns what ends the timer
 */
export function watchEventLoop(
  registry: Registry,
  clock: Clock,
  workedShare: () => number = createWorkedShare(),
): () => void {
  const delay = new SeriesHistogram({
    name: 'event_loop_delay_seconds',
    help: 'How late a timer had its turn on the event loop: of 10 ms while the loop is at work, of 500 ms while it is idle',
    buckets: DELAY_BUCKETS_S,
    registers: [registry],
  }).series({});
  let cancel = () => {};
  let periodMs = EVENT_LOOP_PERIOD_MS;
  let judgedAtMs = clock.nowMs();
  const arm = (): void => {
    const dueAtMs = clock.nowMs() + periodMs;
    cancel = clock.after(periodMs, () => {
      const nowMs = clock.nowMs();
      delay.observe(Math.max(0, nowMs - dueAtMs) / 1000);
      if (nowMs - judgedAtMs >= IDLE_PERIOD_MS) {
        judgedAtMs = nowMs;
        periodMs = workedShare() >= BUSY_SHARE ? EVENT_LOOP_PERIOD_MS : IDLE_PERIOD_MS;
      }
      arm();
    });
  };
  arm();
  return () => cancel();
}

function createWorkedShare(): () => number {
  let before = performance.eventLoopUtilization();
  return () => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, before);
    before = now;
    return utilization;
  };
}
