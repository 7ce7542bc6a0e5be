import { describe, expect, it } from 'vitest';
import { Refusal } from '../../../src/errors.js';
import { Batcher } from '../../../src/serving/batching/batcher.js';
import type { Outcome } from '../../../src/serving/batching/call.js';
import { systemClock } from '../../../src/serving/clock.js';
import { numbers } from '../../support/dense-model.js';
import { slowModel } from '../../support/models.js';
import { specOf, startPool } from '../../support/pool.js';

const WIDTH = 64;
const KILLS = 100;
const CALLERS = 24;

describe('workers killed with SIGKILL at random moments under load', () => {
  it('no die is lost, none is answered twice, and every score is right', { timeout: 240_000 }, async () => {
    const pool = await startPool({ workers: 2 });
    const outcomes: Outcome[] = [];
    const batcher = new Batcher({
      runner: pool,
      clock: systemClock,
      workers: 2,
      observers: [{ callSettled: (_, outcome) => outcomes.push(outcome) }],
    });
    await pool.open(await specOf(slowModel(WIDTH, 60), WIDTH), () => {});
    batcher.add({
      key: 'm/1',
      parameterCount: WIDTH,
      maxBatchSize: 16,
      maxQueueDelayMs: 0,
      maxQueueSize: 1000,
    });

    const random = numbers(7);
    const wrong: unknown[] = [];
    let settlements = 0;
    let answered = 0;
    let failed = 0;
    let kills = 0;

    const callAgainAndAgain = async (caller: number): Promise<void> => {
      for (let round = 0; kills < KILLS; round++) {
        const dies = caller % 3 === 0 ? 40 : 1;
        const values = Array.from(
          { length: dies },
          (_, die) => caller * 1000 + (round % 50) * 10 + (die % 10),
        );
        const params = Float32Array.from(values.flatMap((value) => [value, ...Array(WIDTH - 1).fill(0)]));
        const lane = dies === 1 ? 'realtime' : 'bulk';
        await batcher
          .submit('m/1', { dies, params, lane, deadlineAtMs: Number.POSITIVE_INFINITY, explain: false })
          .then(
            ({ scores }) => {
              answered++;
              values.forEach((value, die) => {
                if (scores[die] !== value) wrong.push([value, scores[die]]);
              });
            },
            (error: unknown) => {
              failed++;
              if (!(error instanceof Refusal) || error.code !== 'inference_failed') wrong.push(error);
            },
          );
        settlements++;
        // As a recycled row: a die that is run again must not read it once its call is settled.
        params.fill(Number.NaN);
      }
    };
    // Any worker, also one that is just starting, but never the last hope: replacements need time to come up.
    const assassin = (): void => {
      const { pids } = pool;
      const pid = pids[Math.floor(Math.abs(random()) * pids.length)];
      if (pid !== undefined && pool.ready > 0) {
        process.kill(pid, 'SIGKILL');
        kills++;
      }
      if (kills < KILLS) setTimeout(assassin, 5 + Math.abs(random()) * 120);
    };
    setTimeout(assassin, 20);
    await Promise.all(Array.from({ length: CALLERS }, (_, caller) => callAgainAndAgain(caller)));

    expect(wrong).toEqual([]);
    expect(answered + failed).toBe(settlements);
    expect(outcomes.length).toBe(settlements);
    // A batch that was hit twice ends with 503; most are hit once at most.
    expect(answered).toBeGreaterThan(failed * 10);
    await pool.close();
  });
});
