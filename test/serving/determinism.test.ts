import { describe, expect, it } from 'vitest';
import { Batcher } from '../../src/serving/batching/batcher.js';
import { systemClock } from '../../src/serving/clock.js';
import { denseModel, numbers } from '../support/dense-model.js';
import { specOf, startPool } from '../support/pool.js';

const WIDTH = 96;
const DIES = 100;

/** The bits of a score, so that nothing but the same number is equal. */
const bits = (scores: Float32Array) => Array.from(new Uint32Array(scores.slice().buffer));

describe("a die's score", () => {
  for (const workers of [1, 2]) {
    it(`is the same to the last bit alone, in any batch and at any load, with ${workers} worker(s)`, async () => {
      const pool = await startPool({ workers });
      const batcher = new Batcher({ runner: pool, clock: systemClock, workers, observers: [] });
      const spec = await specOf(denseModel(WIDTH, 40), WIDTH, {
        maxBatchSize: 64,
        contributionsName: 'contributions',
      });
      const { report } = await pool.open(spec, () => {});
      expect(report.policy).toEqual({ kind: 'any' });
      const limits = { maxBatchSize: 64, maxQueueDelayMs: 0, maxQueueSize: 1_000_000 };
      batcher.add({ key: 'm/1', parameterCount: WIDTH, ...limits });

      const random = numbers(3);
      const bank = Float32Array.from({ length: DIES * WIDTH }, random);
      const row = (die: number) => bank.subarray(die * WIDTH, (die + 1) * WIDTH);
      const alone: number[] = [];
      for (let die = 0; die < DIES; die++) {
        const outcome = await pool.run({ version: 'm/1', dies: 1, params: row(die), explain: false });
        alone.push(...(outcome.kind === 'scored' ? bits(outcome.scores) : [Number.NaN]));
      }

      const pick = (below: number) => Math.floor(((random() + 1) / 2) * below);
      const call = async (): Promise<void> => {
        const dies = pick(3) === 0 ? 1 + pick(150) : 1;
        const picked = Array.from({ length: dies }, () => pick(DIES));
        const params = new Float32Array(dies * WIDTH);
        picked.forEach((die, i) => {
          params.set(row(die), i * WIDTH);
        });
        const lane = dies === 1 ? 'realtime' : 'bulk';
        const { scores } = await batcher.submit('m/1', {
          dies,
          params,
          lane,
          deadlineAtMs: Number.POSITIVE_INFINITY,
          explain: pick(10) === 0,
        });
        expect(bits(scores)).toEqual(picked.map((die) => alone[die]));
      };
      // From one caller at a time to many at once.
      for (const callers of [1, 2, 8, 64]) {
        const caller = async () => {
          for (let i = 0; i < 200 / callers; i++) await call();
        };
        await Promise.all(Array.from({ length: callers }, caller));
      }
      await pool.close();
    });
  }
});
