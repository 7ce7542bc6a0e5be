import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UNSCORABLE } from '../../src/lots/unscorable.js';
import { createLedger, REPLAY_OUTCOMES } from '../../src/replay/ledger.js';

describe('the ledger', () => {
  it('accounts for every part once, in whatever order it is settled', () => {
    const fate = fc.oneof(
      fc.record({ kind: fc.constant('skip' as const), why: fc.constantFrom(...UNSCORABLE) }),
      fc.record({ kind: fc.constant('post' as const), outcome: fc.constantFrom(...REPLAY_OUTCOMES) }),
    );
    fc.assert(
      fc.property(fc.array(fate, { maxLength: 3000 }), fc.infiniteStream(fc.nat()), (fates, chance) => {
        const ledger = createLedger();
        const open: { part: number; outcome: (typeof REPLAY_OUTCOMES)[number] }[] = [];
        fates.forEach((each, part) => {
          if (each.kind === 'skip') ledger.skip(part, each.why);
          else {
            ledger.post(part);
            open.push({ part, outcome: each.outcome });
          }
        });
        expect(ledger.balance()).toMatchObject({ parts: fates.length, open: open.length });
        expect(ledger.balance().reconciled).toBe(open.length === 0);
        while (open.length > 0) {
          const [{ value }] = [chance.next()];
          const [taken] = open.splice(value % open.length, 1);
          if (taken !== undefined) ledger.settle(taken.part, taken.outcome);
        }
        const { unposted, outcomes, ...rest } = ledger.balance();
        const posted = fates.filter(({ kind }) => kind === 'post').length;
        expect(rest).toEqual({ parts: fates.length, posted, open: 0, reconciled: true });
        for (const why of UNSCORABLE) {
          expect(unposted[why]).toBe(fates.filter((f) => f.kind === 'skip' && f.why === why).length);
        }
        for (const outcome of REPLAY_OUTCOMES) {
          expect(outcomes[outcome]).toBe(
            fates.filter((f) => f.kind === 'post' && f.outcome === outcome).length,
          );
        }
      }),
      { numRuns: 50 },
    );
  });

  it('refuses to lose or to repeat a die', () => {
    const ledger = createLedger();
    ledger.post(0);
    ledger.skip(1, 'no_results');
    expect(() => ledger.post(0)).toThrow('part 0 of the file is open, expected not entered');
    expect(() => ledger.skip(0, 'not_ended')).toThrow('is open');
    expect(() => ledger.settle(1, 'answered')).toThrow('entered as not posted, expected open');
    expect(() => ledger.settle(5000, 'answered')).toThrow('is not entered, expected open');
    ledger.settle(0, 'answered');
    expect(() => ledger.settle(0, 'refused')).toThrow('is settled, expected open');
  });
});
