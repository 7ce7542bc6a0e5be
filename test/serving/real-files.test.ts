import { createHash } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { draftManifest } from '../../src/cli/check/draft-manifest.js';
import { graphOf } from '../../src/cli/check/open-graph.js';
import { Fault } from '../../src/errors.js';
import type { ModelVersion } from '../../src/models/model-version.js';
import { probeRowsOf } from '../../src/models/probe-rows.js';
import { readVersion } from '../../src/models/repository/read-version.js';
import { Batcher } from '../../src/serving/batching/batcher.js';
import { systemClock } from '../../src/serving/clock.js';
import { loadVersion } from '../../src/serving/load-version.js';
import type { WorkerPool } from '../../src/serving/workers/pool.js';
import { numbers } from '../support/dense-model.js';
import { temporaryFolder } from '../support/models.js';
import { startPool, WORKER } from '../support/pool.js';

const FILES = fileURLToPath(new URL('../../../shared/data/onnx', import.meta.url));
const names = existsSync(FILES) ? readdirSync(FILES).filter((name) => name.endsWith('.onnx')) : [];
if (names.length === 0) process.stdout.write(`skipped: no models in ${FILES}\n`);

/** What exporters leave open: labels of a tree whose graph does not say how many there are, say. */
const ASKED = { parameters: 4 };

/** A file with a manifest as a person would complete its draft. */
async function versionOf(file: string): Promise<ModelVersion> {
  const folder = join(await temporaryFolder(), 'model', '1');
  await mkdir(folder, { recursive: true });
  await copyFile(join(FILES, file), join(folder, 'model.onnx'));
  const modelFile = join(folder, 'model.onnx');
  const sha256 = createHash('sha256')
    .update(await readFile(modelFile))
    .digest('hex');
  const graph = await graphOf(modelFile, WORKER);
  const identity = { file, graph, name: 'model', version: '1', sha256 };
  const { manifest } = drafted(identity);
  await writeFile(join(folder, 'manifest.json'), JSON.stringify(completed(manifest)));
  return readVersion(folder, 'model', '1');
}

type Drafted = Omit<Parameters<typeof draftManifest>[0], 'parameters'>;

function drafted(source: Drafted) {
  try {
    return draftManifest({ ...source, parameters: undefined });
  } catch (error) {
    if (!(error instanceof Fault && /--parameters/.test(error.message))) throw error;
    return draftManifest({ ...source, ...ASKED });
  }
}

/** Fills in what a draft leaves to a person. */
function completed(draft: Readonly<Record<string, unknown>>): unknown {
  const labels = Array.isArray(draft.labels) ? draft.labels.map((label, i) => label ?? `label ${i}`) : [];
  return {
    ...draft,
    ...(draft.task === 'anomaly-screen' && {
      threshold: draft.threshold ?? 1,
      calibration: { method: 'logistic-score', slope: 1, intercept: 0, basis: 'nominal' },
    }),
    ...(draft.task === 'classification' && { labels, passLabels: labels.slice(0, 1) }),
    ...(draft.task === 'regression' && completedTargets(draft)),
    lineage: { data: 'as exported', rows: 0, codeVersion: '0', created: '2026-01-01T00:00:00Z' },
  };
}

function completedTargets({ targets }: Readonly<Record<string, unknown>>) {
  const filled = (name: string) => ({ name, lowLimit: 0, standardError: 1 });
  return Array.isArray(targets)
    ? { targets: targets.map((_, i) => filled(`value ${i}`)) }
    : { target: filled('value') };
}

interface Loaded {
  readonly version: ModelVersion;
  readonly batcher: Batcher;
}

async function loaded(
  file: string,
  pool: WorkerPool,
): Promise<Loaded & { policy: string; reason: string | undefined }> {
  const version = await versionOf(file);
  const batcher = new Batcher({ runner: pool, clock: systemClock, workers: pool.size, observers: [] });
  const { batching } = await loadVersion(version, { runner: pool, batcher, clock: systemClock });
  const { policy, dependence } = batching;
  return { version, batcher, policy: policy.kind, reason: dependence?.kind };
}

const bits = (scores: Float32Array) => Array.from(new Uint32Array(scores.slice().buffer));

/** Rows like those of the version's dies, other than those that it was tried with. */
function diesOf(version: ModelVersion, dies: number): Float32Array {
  const { rows } = probeRowsOf(version);
  const random = numbers(23);
  const count = version.contract.parameterCount;
  const like = (i: number) => rows[(Math.floor(i / count) % 9) * count + (i % count)] ?? 0;
  return Float32Array.from({ length: dies * count }, (_, i) => {
    const value = Math.fround(like(i) * (1 + 0.1 * random()));
    const bound = version.contract.bounds?.[i % count];
    return bound === undefined ? value : Math.min(bound.maximum, Math.max(bound.minimum, value));
  });
}

/** How many of the dies have other bits in some batch than alone. */
async function differing({ version, batcher }: Loaded): Promise<number> {
  const dies = 64;
  const width = version.contract.parameterCount;
  const params = diesOf(version, dies);
  const score = async (from: number, count: number, explain: boolean) => {
    const rows = params.slice(from * width, (from + count) * width);
    const call = { dies: count, params: rows, lane: 'bulk', deadlineAtMs: Infinity, explain } as const;
    const { scores, contributions } = await batcher.submit(version.key, call);
    return Array.from({ length: count }, (_, i) => [
      ...bits(rowOf(scores, i, count)),
      ...bits(rowOf(contributions ?? new Float32Array(), i, count)),
    ]);
  };
  const explain = version.manifest.outputs.contributions !== undefined;
  const alone: number[][] = [];
  for (let die = 0; die < dies; die++) alone.push(...(await score(die, 1, explain)));
  const different = new Set<number>();
  for (const [from, count] of [
    [0, 64],
    [0, 2],
    [1, 3],
    [5, 7],
    [13, 51],
    [3, 16],
    [10, 33],
    [0, 50],
  ] as const) {
    const together = await score(from, count, explain);
    together.forEach((row, i) => {
      if (row.some((value, j) => value !== alone[from + i]?.[j])) different.add(from + i);
    });
  }
  return different.size;
}

function rowOf(values: Float32Array, row: number, rows: number): Float32Array {
  const width = values.length / rows;
  return values.subarray(row * width, (row + 1) * width);
}

describe.skipIf(names.length === 0)('models as exporters write them', () => {
  for (const threads of [1, 2]) {
    it(`give a die the same bits alone and in any batch, whichever can be served, with ${threads} intra-op thread(s)`, async () => {
      const pool = await startPool({ workers: 2, intraOpThreads: threads });
      const served: string[] = [];
      for (const file of names) {
        const found = await loaded(file, pool).catch((error: unknown) => error);
        if (found instanceof Fault) {
          process.stdout.write(`not served: ${file}: ${found.problems[0]}\n`);
          continue;
        }
        if (found instanceof Error) throw found;
        const { policy, reason, ...version } = found as Awaited<ReturnType<typeof loaded>>;
        served.push(`${file} ${policy}${reason === undefined ? '' : ` (${reason})`}`);
        expect(await differing(version), file).toBe(0);
        await version.batcher.remove(version.version.key);
        await pool.closeVersion(version.version.key);
      }
      process.stdout.write(`served with ${threads} thread(s): ${served.join(', ')}\n`);
      expect(served).toEqual(
        expect.arrayContaining([
          'made-qdq-int8.onnx any',
          'made-dynamic-quant.onnx single (rows_mix)',
          expect.stringMatching(/^rounding-reducesum.onnx (padded|single) \(rounding\)$/),
        ]),
      );
    }, 300_000);
  }
});
