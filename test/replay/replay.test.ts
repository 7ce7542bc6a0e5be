import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PostAttempt } from '../../src/replay/http-client.js';
import { createLedger } from '../../src/replay/ledger.js';
import { type Post, type ReplayOptions, replay } from '../../src/replay/replay.js';
import { createTallier } from '../../src/replay/tally.js';
import type { PostableDie } from '../../src/replay/touchdowns.js';
import { FakeClock, promisesSettled } from '../support/fake-clock.js';
import { answer, idsOf, postable, soundAnswer } from './support.js';

/** What a server does with one post. */
type Deed = 'sound' | '503' | '429' | '504' | 'lost' | 'timeout' | 'garbage' | '422' | 'slow';

interface Posted {
  readonly atMs: number;
  readonly path: string;
  readonly ids: readonly string[];
  readonly json: string;
}

/** A replay of `count` dies against a server that does with each post what `deed` says. */
function start(
  count: number,
  deed: (posted: Posted, nth: number) => Deed,
  changes: Partial<ReplayOptions> & { readonly size?: number } = {},
) {
  const clock = new FakeClock();
  const stop = new AbortController();
  const [ledger, tallier] = [createLedger(), createTallier()];
  const posts: Posted[] = [];
  let [underWay, mostUnderWay, read] = [0, 0, 0];
  const post: Post = async (path, json) => {
    const posted = { atMs: clock.nowMs(), path, ids: idsOf(json), json };
    posts.push(posted);
    mostUnderWay = Math.max(mostUnderWay, ++underWay);
    const done = deed(posted, posts.length - 1);
    await new Promise<void>((resolve) => clock.after(done === 'slow' ? 700 : 5, resolve));
    underWay--;
    return attemptOf(done, json);
  };
  const size = changes.size ?? 1;
  async function* touchdowns(): AsyncGenerator<readonly PostableDie[], void, void> {
    for (let from = 0; from < count; from += size) {
      read = Math.min(count, from + size);
      yield Array.from({ length: read - from }, (_, i) => postable(from + i));
    }
  }
  const running = replay({
    touchdowns: touchdowns(),
    form: size === 1 ? 'die' : 'batch',
    post,
    ratePerSecond: undefined,
    inFlight: 4,
    retries: { baseMs: 50, maxMs: 1000, patienceMs: 60_000 },
    clock,
    epochMs: () => 0,
    random: () => 0.5,
    stop: stop.signal,
    ledger,
    observer: tallier,
    ...changes,
  });
  let ended = false;
  const over = running.finally(() => {
    ended = true;
  });
  // Whoever finishes it hears of its error, which may come before that.
  over.catch(() => {});
  return {
    clock,
    stop,
    posts,
    ledger,
    tallier,
    state: () => ({ mostUnderWay, read, ended }),
    /** Lets time pass until the replay is over. */
    async finish() {
      for (let steps = 0; !ended && steps < 20_000; steps++) {
        await clock.advance(Number.isFinite(clock.nextTimerInMs) ? clock.nextTimerInMs : 0);
        await promisesSettled();
      }
      await over;
    },
  };
}

function attemptOf(deed: Deed, json: string): PostAttempt {
  switch (deed) {
    case 'sound':
    case 'slow':
      return soundAnswer(json);
    case '503':
    case '429':
      return answer(Number(deed), {}, '1');
    case '504':
      return answer(504, {});
    case '422':
      return answer(422, {});
    case 'garbage':
      return answer(200, { predictions: [] });
    case 'lost':
      return { kind: 'lost', cause: 'connection_lost', detail: 'ECONNRESET' };
    case 'timeout':
      return { kind: 'lost', cause: 'timeout', detail: 'no answer' };
  }
}

describe('a replay', () => {
  it('ends every die exactly once, whatever the server does, and repeats the same bytes', async () => {
    const deeds = fc.infiniteStream(
      fc.oneof(
        { weight: 3, arbitrary: fc.constant<Deed>('sound') },
        {
          weight: 4,
          arbitrary: fc.constantFrom<Deed>('503', '429', '504', 'lost', 'timeout', 'garbage', 'slow', '422'),
        },
      ),
    );
    const shape = fc.record({
      count: fc.integer({ min: 0, max: 40 }),
      size: fc.integer({ min: 1, max: 7 }),
      inFlight: fc.integer({ min: 1, max: 6 }),
      patienceMs: fc.constantFrom(0, 2000, 1e9),
      ratePerSecond: fc.constantFrom(undefined, 100),
    });
    await fc.assert(
      fc.asyncProperty(deeds, shape, async (stream, { count, size, inFlight, patienceMs, ratePerSecond }) => {
        const retries = { baseMs: 50, maxMs: 1000, patienceMs };
        const run = start(count, () => stream.next().value, { size, inFlight, retries, ratePerSecond });
        await run.finish();
        const { outcomes, ...rest } = run.ledger.balance();
        expect(rest).toMatchObject({ parts: count, posted: count, open: 0, reconciled: true });
        expect(outcomes.answered + outcomes.refused + outcomes.given_up).toBe(count);
        if (patienceMs === 1e9) expect(outcomes.given_up).toBe(0);
        expect(run.state().mostUnderWay).toBeLessThanOrEqual(inFlight);
        expect(run.tallier.tally().latencyMs === undefined).toBe(outcomes.answered === 0);
        // A die is in one call, always the same one, until that is refused; alone then, under its own id.
        const calls = new Set(run.posts.map(({ json }) => json));
        const together = Math.ceil(count / size);
        expect(calls.size).toBeLessThanOrEqual(together + (size > 1 ? count : 0));
        const firsts = [...calls].filter((json) => json.startsWith('[') || size === 1).flatMap(idsOf);
        expect(firsts).toEqual(Array.from({ length: count }, (_, i) => `die${i}`));
      }),
      { numRuns: 60 },
    );
  }, 60_000);

  it('posts in the order of the file and reads no further than it can post', async () => {
    const run = start(50, () => 'slow', { inFlight: 3 });
    await run.clock.advance(100);
    expect(run.posts.map(({ ids }) => ids[0])).toEqual(['die0', 'die1', 'die2']);
    expect(run.state().read).toBe(4);
    await run.finish();
    expect(run.posts.flatMap(({ ids }) => ids)).toEqual(Array.from({ length: 50 }, (_, i) => `die${i}`));
  });

  it('keeps the rate', async () => {
    const run = start(20, () => 'sound', { ratePerSecond: 10 });
    await run.finish();
    const gaps = run.posts.slice(1).map(({ atMs }, i) => atMs - (run.posts[i]?.atMs ?? 0));
    expect(new Set(gaps.map(Math.round))).toEqual(new Set([100]));
  });

  it('posts nothing new before the time that a 503 or 429 asks for', async () => {
    const run = start(30, (_, nth) => (nth === 2 ? '503' : 'sound'), { inFlight: 2 });
    await run.finish();
    const refusedAtMs = (run.posts[2]?.atMs ?? 0) + 5;
    const later = run.posts.slice(4).map(({ atMs }) => atMs);
    expect(later.length).toBeGreaterThan(20);
    expect(Math.min(...later)).toBeGreaterThanOrEqual(refusedAtMs + 1000);
    expect(run.posts.filter(({ ids }) => ids[0] === 'die2')).toHaveLength(2);
    expect(run.tallier.tally().retries).toEqual({ '503': 1 });
  });

  it('asks for each die alone when a touchdown is refused, and refuses only the one to blame', async () => {
    const run = start(8, ({ ids }) => (ids.includes('die5') ? '422' : 'sound'), { size: 4, inFlight: 1 });
    await run.finish();
    expect(run.posts.map(({ path, ids }) => `${path} ${ids.join()}`)).toEqual([
      '/predict/batch die0,die1,die2,die3',
      '/predict/batch die4,die5,die6,die7',
      '/predict die4',
      '/predict die5',
      '/predict die6',
      '/predict die7',
    ]);
    expect(run.ledger.balance().outcomes).toMatchObject({ answered: 7, refused: 1 });
    expect(run.tallier.tally().unanswered).toMatchObject([
      { dieId: 'die5', outcome: 'refused', cause: '422' },
    ]);
  });

  it('gives a die up when the server is away for longer than its patience, and says why', async () => {
    const retries = { baseMs: 50, maxMs: 1000, patienceMs: 5000 };
    const run = start(2, ({ ids }) => (ids[0] === 'die0' ? 'lost' : 'sound'), { retries });
    await run.finish();
    expect(run.ledger.balance().outcomes).toMatchObject({ answered: 1, given_up: 1 });
    expect(run.tallier.tally().unansweredByCause).toEqual({ 'given_up: connection_lost': 1 });
    expect(run.clock.nowMs()).toBeLessThanOrEqual(1000 + 5000);
  });

  it('interrupted, awaits what is on the wire, posts nothing more and leaves nothing open', async () => {
    const run = start(50, (_, nth) => (nth === 1 ? '503' : 'slow'), { inFlight: 3 });
    await run.clock.advance(100);
    run.stop.abort();
    await run.finish();
    expect(run.posts).toHaveLength(3);
    expect(run.ledger.balance()).toMatchObject({
      posted: 3,
      outcomes: { answered: 2, refused: 0, given_up: 0, interrupted: 1 },
      open: 0,
      reconciled: true,
    });
    expect(run.state().read).toBe(4);
  });

  it('settles what it has posted before it passes on that the file cannot be read', async () => {
    async function* broken(): AsyncGenerator<readonly PostableDie[], void, void> {
      yield [postable(0)];
      throw new Error('the disk is gone');
    }
    const run = start(0, () => 'slow', { touchdowns: broken() });
    await expect(run.finish()).rejects.toThrow('the disk is gone');
    expect(run.ledger.balance()).toMatchObject({ outcomes: { answered: 1 }, reconciled: true });
  });

  it('passes a fault of its own on instead of hiding it', async () => {
    const run = start(1, () => 'sound', {
      observer: {
        ...createTallier(),
        onAnswered() {
          throw new Error('an observer at fault');
        },
      },
    });
    await expect(run.finish()).rejects.toThrow('an observer at fault');
  });
});
