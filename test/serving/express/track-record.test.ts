import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TrackRecord } from '../../../src/serving/express/track-record.js';

const RUNS = 1000;

const events = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: 1, max: RUNS }).map((runs) => ({ scored: runs }) as const) },
    { weight: 2, arbitrary: fc.constant('doubted' as const) },
    { weight: 1, arbitrary: fc.constant('lostWorker' as const) },
  ),
  { maxLength: 30 },
);

describe('the track record of a version', () => {
  test('is trusted after a thousand runs in workers without a fault, and not one before', () => {
    const record = new TrackRecord();
    for (let run = 1; run < RUNS; run++) record.scored();
    expect(record.level).toBe('proving');
    record.scored();
    expect(record.level).toBe('trusted');
  });

  test('a doubt begins the count anew', () => {
    const record = new TrackRecord();
    for (let run = 0; run < RUNS; run++) record.scored();
    record.doubted();
    expect(record.level).toBe('proving');
    for (let run = 0; run < RUNS; run++) record.scored();
    expect(record.level).toBe('trusted');
  });

  test('whatever happens, it is trusted only with a thousand runs since the last doubt, and never after a worker was lost', () => {
    fc.assert(
      fc.property(events, (all) => {
        const record = new TrackRecord();
        let runs = 0;
        let lost = false;
        for (const event of all) {
          if (event === 'doubted') {
            record.doubted();
            runs = 0;
          } else if (event === 'lostWorker') {
            record.lostWorker();
            lost = true;
          } else {
            for (let run = 0; run < event.scored; run++) record.scored();
            runs += event.scored;
          }
          expect(record.level).toBe(lost ? 'barred' : runs >= RUNS ? 'trusted' : 'proving');
        }
      }),
    );
  });
});
