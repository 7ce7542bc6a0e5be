import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { explain } from '../../src/models/decision/explain.js';
import { ScreenManifestSchema } from '../../src/models/manifest/task-manifests.js';
import { patLimits } from '../../src/screens/limits.js';
import { createRandom } from '../../src/training/random.js';
import { residualsOf } from '../../src/training/screen/dependency.js';
import { type ScreenKind, scoreDies } from '../../src/training/screen/screen.js';
import { screenAsOnnx } from '../../src/training/screen/screen-graph.js';
import { standardScores } from '../../src/training/screen/standardise.js';
import type { DieTable } from '../../src/training/table/die-table.js';
import { trainScreen } from '../../src/training/train.js';
import { trainVersion } from '../../src/training/train-version.js';
import { agrees } from '../../src/training/version/check-graph.js';
import { temporaryFolder } from './fixtures.js';

/** Dies whose parameters are sums of two hidden factors; `change` may spoil the values of a die. */
function dies(count: number, width: number, change?: (row: Float32Array, die: number) => void): DieTable {
  const random = createRandom(`dependent dies ${count} ${width}`);
  const loads = Array.from({ length: width }, () => [random.normal(), random.normal()]);
  const values = new Float32Array(count * width);
  for (let die = 0; die < count; die++) {
    const [a, b] = [random.normal(), random.normal()];
    loads.forEach(([first = 0, second = 0], p) => {
      values[die * width + p] = 5 + 3 * (first * a + second * b) + 0.2 * random.normal();
    });
    change?.(values.subarray(die * width, (die + 1) * width), die);
  }
  return {
    parameters: Array.from({ length: width }, (_, p) => `p${p}`),
    dies: count,
    values,
    labelled: false,
    passing: new Uint8Array(count).fill(1),
    defects: Array.from({ length: count }, () => undefined),
    lots: undefined,
    wafers: undefined,
    equipment: undefined,
    sites: undefined,
    hardBins: undefined,
    ignoredColumns: [],
    sources: [],
  };
}

function trained(table: DieTable, screen: ScreenKind) {
  return trainScreen(table, { falseAlarmRate: 0.01, facts: new Map(), screen });
}

async function run(model: Uint8Array, rows: Float32Array, width: number, batch: number) {
  const session = await InferenceSession.create(model, { intraOpNumThreads: 1 });
  const scores: number[] = [];
  const residuals: number[] = [];
  for (let from = 0; from < rows.length; from += batch * width) {
    const part = rows.slice(from, from + batch * width);
    const outputs = await session.run({
      test_params: new Tensor('float32', part, [part.length / width, width]),
    });
    for (const [name, into] of [
      ['anomaly_score', scores],
      ['residuals', residuals],
    ] as const) {
      const data = outputs[name]?.data;
      if (!(data instanceof Float32Array)) throw new Error(`expected float32 ${name}`);
      into.push(...data);
    }
  }
  return { scores, residuals };
}

describe('the dependency screen', () => {
  it('sees one value that the others speak against though it is within its own range, which the process screen does not', () => {
    const table = dies(600, 40);
    // The largest of the good dies' own values of p7 on a die for which the others let expect the smallest.
    const column = Array.from({ length: 600 }, (_, die) => table.values[die * 40 + 7] ?? 0);
    const [low, high] = [column.indexOf(Math.min(...column)), Math.max(...column)];
    const row = table.values.slice(low * 40, (low + 1) * 40);
    row[7] = (column[low] ?? 0) + (high - (column[low] ?? 0)) / 6;
    const [dependency, process] = (['dependency', 'process'] as const).map(
      (kind) => scoreDies(trained(table, kind).screen, row)[0] ?? 0,
    );
    expect(dependency).toBeGreaterThan(1);
    expect(dependency).toBeGreaterThan(process ?? 0);
  });

  it('keeps to the false alarms asked for, combined too', () => {
    const fresh = dies(3000, 41);
    const table = {
      ...fresh,
      dies: 1000,
      values: fresh.values.subarray(0, 1000 * 41),
      passing: fresh.passing.subarray(0, 1000),
    };
    for (const kind of ['dependency', 'combined'] as const) {
      const scores = scoreDies(trained(table, kind).screen, fresh.values.subarray(1000 * 41));
      const share = scores.filter((score) => score > 1).length / scores.length;
      expect(share, kind).toBeLessThan(0.02);
      expect(share, kind).toBeGreaterThan(0.001);
    }
  });

  it('says what the others let expect, and how far the value is from it', () => {
    const width = 20;
    const table = dies(800, width);
    const { screen, dependency } = trained(table, 'dependency');
    const row = table.values.slice(0, width);
    const usual = row[3] ?? 0;
    row[3] = usual + 4;
    const residuals = Float32Array.from(
      residualsOf(
        screen.residual?.weights ?? new Float32Array(0),
        standardScores(screen.standardisation, row),
        row,
      ),
    );
    const parameters = table.parameters.map((name, p) => ({
      name,
      residualSigma: dependency?.sigmas[p] ?? 1,
    }));
    const [first] = explain(1, residuals, row, {
      input: { name: 'x', parameters, missing: 'impute' },
      outputs: { score: 's', direction: 'high', residuals: 'residuals' },
    });
    expect(first).toMatchObject({ index: 3, name: 'p3', value: row[3] });
    expect(first?.residual).toBeGreaterThan(8);
    expect(Math.abs((first?.expected_by_others ?? 0) - usual)).toBeLessThan(1);
    expect((first?.value ?? 0) - (first?.expected_by_others ?? 0)).toBeCloseTo(
      (first?.residual ?? 0) * (dependency?.sigmas[3] ?? 0),
      4,
    );
  });

  it('gives no residual to a value that is missing, and none to one that is constant', () => {
    const table = dies(400, 12, (row) => {
      row[5] = 1.25;
    });
    const { screen } = trained(table, 'dependency');
    const row = table.values.slice(0, 12);
    row[2] = Number.NaN;
    row[5] = 99;
    const weights = screen.residual?.weights ?? new Float32Array(0);
    const residuals = residualsOf(weights, standardScores(screen.standardisation, row), row);
    expect([residuals[2], residuals[5]]).toEqual([0, 0]);
  });

  it('learns from duplicated tests and from fewer dies than parameters', () => {
    const doubled = dies(500, 16, (row) => {
      row[9] = row[4] ?? 0;
      row[10] = -2 * (row[4] ?? 0);
    });
    const few = dies(40, 90);
    for (const table of [doubled, few]) {
      const { screen, scores } = trained(table, 'dependency');
      expect(scores.every(Number.isFinite)).toBe(true);
      expect(screen.residual?.weights?.every(Number.isFinite)).toBe(true);
    }
    const row = doubled.values.slice(0, 16);
    row[9] = (row[9] ?? 0) + 2;
    expect(scoreDies(trained(doubled, 'dependency').screen, row)[0]).toBeGreaterThan(1);
  });
});

describe('the screen by limits', () => {
  it('fails a die with one value beyond its limits, and none at them', () => {
    const table = dies(500, 6);
    const { screen } = trained(table, 'limits');
    const column = Float64Array.from({ length: 500 }, (_, die) => table.values[die * 6 + 2] ?? 0).sort();
    const { low = 0, high = 0 } = patLimits(column, 6);
    const scoreAt = (value: number) => {
      const row = table.values.slice(0, 6);
      row[2] = value;
      return scoreDies(screen, row)[0] ?? 0;
    };
    const reach = high - low;
    expect([scoreAt(high + 0.2 * reach), scoreAt(low - 0.2 * reach)].every((score) => score > 1)).toBe(true);
    expect(scoreAt((high + low) / 2)).toBeLessThan(0.6);
    expect(scoreAt(Number.NaN)).toBeLessThan(1);
  });
});

describe('the graph of the dependency screen', () => {
  it.each([
    ['limits', 25],
    ['dependency', 23],
    ['dependency', 256],
    ['combined', 69],
    ['combined', 64],
  ] as const)(
    '%s, %i parameters: the scores of the reference, to the last bit the same alone and in any batch',
    async (kind, width) => {
      const table = dies(150, width);
      const { screen } = trained(table, kind);
      const model = screenAsOnnx(screen, '0.0.0');
      const rows = table.values.slice(0, 48 * width);
      rows[3] = Number.NaN;
      const alone = await run(model, rows, width, 1);
      scoreDies(screen, rows).forEach((score, die) => {
        expect(agrees(score, alone.scores[die] ?? Number.NaN, 2e-3), `${score} ${alone.scores[die]}`).toBe(
          true,
        );
      });
      expect(alone.residuals[3]).toBe(0);
      for (const batch of [2, 3, 16, 31, 48]) expect(await run(model, rows, width, batch)).toEqual(alone);
    },
  );
});

describe('a trained version with residuals', () => {
  it('has them in its manifest and card, and the unit of each', async () => {
    const out = join(await temporaryFolder(), 'dep', '1');
    await trainVersion(
      { table: dies(300, 12), facts: new Map(), exactFacts: new Map() },
      {
        out,
        screen: 'combined',
        created: '2026-01-01T00:00:00Z',
        codeVersion: '0.0.0',
        rebuild: [],
        missing: 'impute',
        scoreDies: async (file, params, width) =>
          Float32Array.from((await run(await readFile(file), params, width, 64)).scores),
      },
    );
    const manifest = ScreenManifestSchema.parse(
      JSON.parse(await readFile(join(out, 'manifest.json'), 'utf8')),
    );
    expect(manifest.outputs).toMatchObject({ score: 'anomaly_score', residuals: 'residuals' });
    const { parameters } = manifest.input;
    expect(
      typeof parameters === 'number' ? [] : parameters.map(({ residualSigma = 0 }) => residualSigma > 0),
    ).toEqual(Array.from({ length: 12 }, () => true));
    expect(await readFile(join(out, 'MODEL_CARD.md'), 'utf8')).toContain(
      'What a value is beyond what all others let expect',
    );
    await expect(
      trainVersion(
        { table: dies(300, 12), facts: new Map(), exactFacts: new Map() },
        {
          out,
          force: true,
          screen: 'dependency',
          created: '2026-01-01T00:00:00Z',
          codeVersion: '0.0.0',
          rebuild: [],
          missing: 'impute',
          scoreDies: async (_file, params, width) => new Float32Array(params.length / width),
        },
      ),
    ).rejects.toThrow(/expected/);
  });
});
