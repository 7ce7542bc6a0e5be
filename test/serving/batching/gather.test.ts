import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Refusal } from '../../../src/errors.js';
import { Call, diesOf, gather, halve, type ScoredDies, scatter } from '../../../src/serving/batching/call.js';
import type { Slice } from '../../../src/serving/batching/queue.js';
import { TrackedCall, WIDTH } from '../../support/batching.js';

interface Made {
  readonly call: Call;
  readonly params: Float32Array;
  readonly answers: ScoredDies[];
  readonly refusals: Refusal[];
}

function made(ids: readonly number[], explain = false): Made {
  const { params } = new TrackedCall(ids);
  const answers: ScoredDies[] = [];
  const refusals: Refusal[] = [];
  const request = { dies: ids.length, params, lane: 'bulk', deadlineAtMs: 0, explain } as const;
  const call = new Call(
    request,
    0,
    (scored) => answers.push(scored),
    (refusal) => refusals.push(refusal),
  );
  return { call, params, answers, refusals };
}

const whole = ({ call }: Made): Slice<Call> => ({ call, from: 0, count: call.dies });
const scratch = () => new Float32Array(64 * WIDTH);

describe('gathering a batch', () => {
  it('puts the rows of all slices one after another', () => {
    const [a, b] = [made([1, 2, 3]), made([4])];
    const rows = gather([{ call: a.call, from: 1, count: 2 }, whole(b)], WIDTH, scratch());
    expect(Array.from(rows)).toEqual([2, 2.5, -2, 3, 3.5, -3, 4, 4.5, -4]);
  });

  it('copies nothing for a batch of one slice', () => {
    const a = made([1, 2, 3]);
    const rows = gather([{ call: a.call, from: 1, count: 1 }], WIDTH, scratch());
    expect(rows.buffer).toBe(a.params.buffer);
    expect(Array.from(rows)).toEqual([2, 2.5, -2]);
  });
});

describe('scattering the scores of a batch', () => {
  it('gives every call its own rows, and settles those that are complete', () => {
    const [a, b] = [made([1, 2]), made([3, 4, 5])];
    const settled = scatter([whole(a), { call: b.call, from: 0, count: 2 }], scored([1, 2, 3, 4]));
    expect(settled).toEqual([a.call]);
    expect(Array.from(a.answers[0]?.scores ?? [])).toEqual([1, 2]);
    expect(b.answers).toEqual([]);
    scatter([{ call: b.call, from: 2, count: 1 }], scored([5], 7));
    expect(Array.from(b.answers[0]?.scores ?? [])).toEqual([3, 4, 5]);
    expect(Array.from(b.answers[0]?.runMs ?? [])).toEqual([1, 1, 7]);
  });

  it('skips a call that was settled meanwhile, and its neighbours get their own rows all the same', () => {
    const [gone, stays] = [made([1, 2]), made([3])];
    gone.call.refuse(new Refusal('bad_request', 'gone'));
    expect(scatter([whole(gone), whole(stays)], scored([1, 2, 3]))).toEqual([stays.call]);
    expect(gone.answers).toEqual([]);
    expect(Array.from(stays.answers[0]?.scores ?? [])).toEqual([3]);
  });

  it('copies contributions only to the calls that asked for an explanation', () => {
    const [plain, explained] = [made([1]), made([2], true)];
    const contributions = Float32Array.from([1, 1, 1, 2, 2.5, -2]);
    scatter([whole(plain), whole(explained)], { ...scored([1, 2]), contributions });
    expect(plain.answers[0]?.contributions).toBeUndefined();
    expect(Array.from(explained.answers[0]?.contributions ?? [])).toEqual([2, 2.5, -2]);
  });

  it('settles a call once: a refusal after the answer, or a second refusal, changes nothing', () => {
    const a = made([1]);
    scatter([whole(a)], scored([1]));
    a.call.refuse(new Refusal('bad_request', 'late'));
    const b = made([2]);
    b.call.refuse(new Refusal('bad_request', 'first'));
    b.call.refuse(new Refusal('bad_request', 'second'));
    expect([a.answers.length, a.refusals.length]).toEqual([1, 0]);
    expect(b.refusals.map(({ message }) => message)).toEqual(['first']);
  });
});

describe('halving a batch that the model threw on', () => {
  it('loses no die, doubles none, keeps their order, and halves differ by at most one die', () => {
    const counts = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 10 });
    fc.assert(
      fc.property(counts, (dies) => {
        const slices = dies.map((count, i) => ({
          ...whole(made(Array.from({ length: count + i }, () => 0))),
          from: i,
          count,
        }));
        fc.pre(diesOf(slices) > 1);
        const [first, second] = halve(slices);
        const difference = diesOf(first) - diesOf(second);
        expect([0, 1]).toContain(difference);
        expect(listed([...first, ...second])).toEqual(listed(slices));
      }),
    );
  });
});

function listed(slices: readonly Slice<Call>[]): [Call, number][] {
  return slices.flatMap(({ call, from, count }) =>
    Array.from({ length: count }, (_, i): [Call, number] => [call, from + i]),
  );
}

function scored(scores: readonly number[], runMs = 1) {
  return { dies: scores.length, scores: Float32Array.from(scores), contributions: undefined, runMs };
}
