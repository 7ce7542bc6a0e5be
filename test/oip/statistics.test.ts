import { describe, expect, test } from 'vitest';
import { VersionStatisticsSchema } from '../../src/oip/schemas.js';
import { InferStatistics } from '../../src/oip/statistics.js';

describe('the statistics of a version', () => {
  test('are all 0 before it has done anything', () => {
    const none = { count: 0, ns: 0 };
    expect(new InferStatistics(() => 5).of('screen/1')).toEqual({
      last_inference: 0,
      inference_count: 0,
      execution_count: 0,
      inference_stats: {
        success: none,
        fail: none,
        queue: none,
        compute_input: none,
        compute_infer: none,
        compute_output: none,
      },
      batch_stats: [],
    });
  });

  test('count requests, dies and batches, each with its time in nanoseconds', () => {
    let nowMs = 1_000;
    const statistics = new InferStatistics(() => nowMs);
    statistics.batchRan('screen/1', { dies: 3, waitMs: 0.5, runMs: 2, roundTripMs: 2.25 });
    statistics.batchRan('screen/1', { dies: 1, waitMs: 0, runMs: 1, roundTripMs: 1.5 });
    statistics.batchRan('screen/1', { dies: 3, waitMs: 1, runMs: 4, roundTripMs: 4.25 });
    statistics.answered('screen/1', 7, 6.000001);
    nowMs = 2_000.4;
    statistics.failed('screen/1', 3);
    statistics.answered('screen/2', 1, 1);
    const counted = VersionStatisticsSchema.strict().parse(statistics.of('screen/1'));
    expect(counted).toEqual({
      last_inference: 2_000,
      inference_count: 7,
      execution_count: 3,
      inference_stats: {
        success: { count: 1, ns: 6_000_001 },
        fail: { count: 1, ns: 3_000_000 },
        queue: { count: 3, ns: 1_500_000 },
        compute_input: { count: 3, ns: 1_000_000 },
        compute_infer: { count: 3, ns: 7_000_000 },
        compute_output: { count: 3, ns: 0 },
      },
      batch_stats: [
        {
          batch_size: 1,
          compute_input: { count: 1, ns: 500_000 },
          compute_infer: { count: 1, ns: 1_000_000 },
          compute_output: { count: 1, ns: 0 },
        },
        {
          batch_size: 3,
          compute_input: { count: 2, ns: 500_000 },
          compute_infer: { count: 2, ns: 6_000_000 },
          compute_output: { count: 2, ns: 0 },
        },
      ],
    });
  });
});
