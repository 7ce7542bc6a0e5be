import type { Registry } from 'prom-client';
import type { Clock } from '../../serving/clock.js';
import { SeriesHistogram } from './series.js';

/** How often the event loop is asked for a turn, milliseconds. */
export const EVENT_LOOP_PERIOD_MS = 10;

// Timers have a resolution of 1 ms, so below 2 ms there is nothing to see.
const DELAY_BUCKETS_S = [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1];

/**
 * How late the event loop is: a timer of {@link EVENT_LOOP_PERIOD_MS} that notes by how much each of its
 * turns came after its time. A histogram that only grows, so any number of scrapers may read it.
 * @returns what ends the timer
 */
export function watchEventLoop(registry: Registry, clock: Clock): () => void {
  const delay = new SeriesHistogram({
    name: 'event_loop_delay_seconds',
    help: 'How late a timer of 10 ms had its turn on the event loop',
    buckets: DELAY_BUCKETS_S,
    registers: [registry],
  }).series({});
  let cancel = () => {};
  const arm = (): void => {
    const dueAtMs = clock.nowMs() + EVENT_LOOP_PERIOD_MS;
    cancel = clock.after(EVENT_LOOP_PERIOD_MS, () => {
      delay.observe(Math.max(0, clock.nowMs() - dueAtMs) / 1000);
      arm();
    });
  };
  arm();
  return () => cancel();
}
