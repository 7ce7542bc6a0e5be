import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { scoreCommand } from '../../src/cli/score.js';
import { referenceOfColumns } from '../drift/references.js';
import { fileOf, mir, mrr, pir, prr, ptr } from '../stdf/support.js';
import { fillRepository, sumVersion, temporaryFolder } from '../support/models.js';
import { WORKER } from '../support/pool.js';
import { problemsOf, runCommand } from './support.js';

/** Fails a part when the magnitude of test 10 is over 1. */
const MODEL = {
  ...sumVersion(1, {
    input: { name: 'test_params', parameters: [{ name: 'IDD', testNumber: 10 }], missing: 'reject' },
  }),
  reference: referenceOfColumns([Array.from({ length: 1000 }, (_, i) => i / 1000)]),
};

const DIES = 40;

/** Scores 0.05, 0.1 ... 2, at two sites; the die at x = 19 has the threshold itself. */
const LOT = fileOf([
  mir,
  { type: 'Wir', headNum: 1, siteGrp: 255, startT: 1, waferId: 'W1' },
  ...Array.from({ length: DIES }, (_, i) => [
    pir(1, i % 2),
    ptr(10, 0.05 * (i + 1), { headNum: 1, siteNum: i % 2, testTxt: 'IDD', units: 'A' }),
    prr(1, i % 2, { xCoord: i, yCoord: 1, partId: `P${i}` }),
  ]).flat(),
  { type: 'Wrr', headNum: 1, siteGrp: 255, finishT: 2, partCnt: DIES, waferId: 'W1' },
  mrr,
]);

async function floor() {
  const folder = await temporaryFolder();
  await fillRepository(folder, [MODEL]);
  await writeFile(join(folder, 'lot.stdf'), LOT);
  const model = join(folder, MODEL.manifest.name, MODEL.manifest.version);
  return { args: [join(folder, 'lot.stdf'), '--model', model], report: join(folder, 'r.html') };
}

const score = (args: readonly string[]) =>
  runCommand((streams) => scoreCommand({ streams, workerEntry: WORKER }), args);

interface Reviewed {
  readonly chosen: string;
  readonly x: number;
  readonly explanation: readonly { readonly name: string }[];
}

describe('diegate score --review', () => {
  it('lists half the dies nearest to the threshold and half of the others at random, with the tests that spoke', async () => {
    const { args } = await floor();
    const asked = [...args, '--review', '10', '--json'];
    const review: Reviewed[] = JSON.parse((await score(asked)).out).review;
    expect(
      review
        .filter(({ chosen }) => chosen === 'near the threshold')
        .map(({ x }) => x)
        .sort(),
    ).toEqual([17, 18, 19, 20, 21]);
    const drawn = review.filter(({ chosen }) => chosen === 'random').map(({ x }) => x);
    expect(new Set([...drawn, 17, 18, 19, 20, 21]).size).toBe(10);
    expect(review.every(({ explanation }) => explanation[0]?.name === 'IDD')).toBe(true);
    // The same lot gives the same list.
    expect(JSON.parse((await score(asked)).out).review).toEqual(review);
  });

  it('takes every die where there are fewer, and is in the report and on the screen', async () => {
    const { args, report } = await floor();
    const { out } = await score([...args, '--review', '100', '--report', report]);
    expect(out).toContain(`for review, ${DIES} nearest to the threshold, 0 at random:`);
    expect(await readFile(report, 'utf8')).toContain('<h2>For review');
    expect(await problemsOf(score([...args, '--review', '0']))).toEqual([
      '--review: found "0", expected a whole number from 1 to 10000',
    ]);
  });

  it('says how the lot drifts, by tester and by site, in --json and in the report', async () => {
    const { args, report } = await floor();
    const { out } = await score([...args, '--json', '--report', report]);
    const { drift } = JSON.parse(out);
    expect(drift).toMatchObject({ verdict: 'collecting', dies: DIES, steps: 1, referenceDies: 1000 });
    expect(drift.parameters[0]).toMatchObject({ name: 'IDD', missing_rate: 0 });
    expect(drift.sites.map(({ dies }: { dies: number }) => dies)).toEqual([20, 20]);
    expect(await readFile(report, 'utf8')).toContain('<h2>Drift by site');
  });
});
