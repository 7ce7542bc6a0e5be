import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { EVENT_LOOP_PERIOD_MS, watchEventLoop } from '../../src/monitoring/metrics/event-loop.js';
import type { Clock } from '../../src/serving/clock.js';
import { FakeClock } from '../support/fake-clock.js';
import { rendered } from '../support/rendered-metrics.js';

/** A clock whose timers come late by what `lateness` holds, one after the other. */
function lateClock(clock: FakeClock, lateness: number[]): Clock {
  return {
    nowMs: () => clock.nowMs(),
    after: (ms, run) => clock.after(ms + (lateness.shift() ?? 0), run),
    soon: (run) => clock.soon(run),
  };
}

test('the delay of the event loop is how late its timer comes, without the timer itself', async () => {
  const registry = new Registry();
  const clock = new FakeClock();
  const stop = watchEventLoop(registry, lateClock(clock, [0, 3, 0, 150]));
  await clock.advance(4 * EVENT_LOOP_PERIOD_MS + 153);
  const text = await rendered(registry, 'prometheus');
  expect(text).toContain('event_loop_delay_seconds_bucket{le="0.002"} 2\n');
  expect(text).toContain('event_loop_delay_seconds_bucket{le="0.005"} 3\n');
  expect(text).toContain('event_loop_delay_seconds_bucket{le="0.1"} 3\n');
  expect(text).toContain('event_loop_delay_seconds_bucket{le="0.2"} 4\n');
  expect(text).toContain('event_loop_delay_seconds_sum 0.153\n');
  expect(await rendered(registry, 'prometheus'), 'a scrape takes nothing away').toBe(text);
  stop();
  expect(clock.timers).toBe(0);
});

test('looks every 10 ms while the loop is at work, and twice a second while it is not', async () => {
  const clock = new FakeClock();
  const registry = new Registry();
  let worked = 0.3;
  const stop = watchEventLoop(registry, clock, () => worked);
  const looks = async (ms: number) => {
    const count = async () =>
      Number(/event_loop_delay_seconds_count (\d+)/.exec(await rendered(registry, 'prometheus'))?.[1]);
    const before = await count();
    await clock.advance(ms);
    return (await count()) - before;
  };
  expect(await looks(1000)).toBe(100);
  worked = 0.001;
  await looks(1000);
  expect(await looks(5000)).toBe(10);
  worked = 0.3;
  await looks(500);
  expect(await looks(1000)).toBe(100);
  stop();
});
