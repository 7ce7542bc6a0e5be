import { rm } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { PredictionsSchema } from '../../src/die/prediction.js';
import { createAssign } from '../../src/traffic/assignment.js';
import { startAdminApp } from '../support/admin.js';
import { post, send } from '../support/http.js';
import { parseMetrics } from '../support/metrics.js';
import { logModel, manifestOf, scaledVersion, throwingModel } from '../support/models.js';
import { type StartedApp, startApp } from '../support/start-app.js';

const diesOf = (count: number, from = 0) =>
  Array.from({ length: count }, (_, i) => ({
    die_id: `d${from + i}`,
    wafer_id: `w${from + i}`,
    test_params: [1 + from + i, 0],
  }));

async function batch({ url }: StartedApp, dies: readonly unknown[], path = '/predict/batch') {
  const { status, body } = await post(url + path, JSON.stringify(dies));
  expect(status, body).toBe(200);
  return PredictionsSchema.parse(JSON.parse(body)).predictions;
}

const json = async ({ url }: StartedApp, path: string) => JSON.parse((await send(url + path)).body);

async function sample({ url }: StartedApp, name: string, labels: Record<string, string>): Promise<number> {
  const families = parseMetrics((await send(`${url}/metrics`)).body);
  const found = families
    .get(name)
    ?.samples.find((one) => Object.entries(labels).every(([key, value]) => one.labels[key] === value));
  return found?.value ?? 0;
}

describe('a split', () => {
  const split = { by: 'wafer_id' as const, weights: { '1': 70, '2': 30 } };
  const start = (versions = [scaledVersion('1'), scaledVersion('2')]) =>
    startApp({ versions, serving: { defaultModel: 'sum', models: { sum: { default: '1', split } } } });

  test('sends each wafer to its version, as the pure assignment says; a call for both comes back in order', async () => {
    const server = await start();
    const dies = diesOf(1000);
    const predictions = await batch(server, dies);
    const assign = createAssign('sum', split);
    expect(predictions.map(({ model_version }) => model_version)).toEqual(dies.map((die) => assign(die)));
    predictions.forEach(({ die_id, anomaly_score, model_version }, i) => {
      expect([die_id, anomaly_score]).toEqual([`d${i}`, (1 + i) * Number(model_version)]);
    });
    const share = predictions.filter(({ model_version }) => model_version === '2').length / 1000;
    expect(Math.abs(share - 0.3)).toBeLessThan(0.05);
    const singles = await Promise.all(
      dies
        .slice(0, 20)
        .map(async (die) => JSON.parse((await post(`${server.url}/predict`, JSON.stringify(die))).body)),
    );
    expect(singles.map(({ model_version }) => model_version)).toEqual(
      dies.slice(0, 20).map((die) => assign(die)),
    );
  });

  test('who names a version gets that one', async () => {
    const server = await start();
    const predictions = await batch(server, diesOf(50), '/models/sum/versions/2/predict/batch');
    expect(new Set(predictions.map(({ model_version }) => model_version))).toEqual(new Set(['2']));
    expect(await json(server, '/models/sum/experiments')).toMatchObject({ experiments: [] });
  });

  test('a version of it that is not ready leaves its share to the default', async () => {
    const bad = scaledVersion('2');
    const server = await start([
      scaledVersion('1'),
      { ...bad, manifest: { ...bad.manifest, sha256: 'a'.repeat(64) } },
    ]);
    const predictions = await batch(server, diesOf(50));
    expect(new Set(predictions.map(({ model_version }) => model_version))).toEqual(new Set(['1']));
  });

  test('is compared: counts, fail rates, and a recommendation', async () => {
    const failing = scaledVersion('2', { threshold: 0 });
    const server = await start([scaledVersion('1', { threshold: 1e6 }), failing]);
    await batch(server, diesOf(1000));
    const { model, experiments } = await json(server, '/models/sum/experiments');
    expect(model).toBe('sum');
    expect(experiments).toHaveLength(1);
    const [{ baseline, candidate, p_value }] = experiments;
    expect(baseline).toMatchObject({ version: '1', fails: 0, errors: 0 });
    expect(candidate).toMatchObject({ version: '2', fail_rate: { value: 1 } });
    expect(baseline.dies + candidate.dies).toBe(1000);
    expect(p_value).toBeLessThan(1e-6);
  });
});

describe('a shadow', () => {
  const start = (shadow: ReturnType<typeof scaledVersion>) =>
    startApp({
      versions: [scaledVersion('1', { threshold: 50.5 }), shadow],
      serving: { defaultModel: 'sum', models: { sum: { default: '1', shadow: ['2'] } } },
    });
  const pairOf = async (server: StartedApp) =>
    (await json(server, '/models/sum/experiments')).experiments[0]?.disagreement;

  test('sees every die, has no say in the answer, and is compared die by die', async () => {
    const server = await start(scaledVersion('2', { threshold: 50.5 }));
    const predictions = await batch(server, diesOf(100));
    expect(predictions.map(({ model_version, anomaly_score }) => [model_version, anomaly_score])).toEqual(
      diesOf(100).map((_, i) => ['1', 1 + i]),
    );
    await expect.poll(async () => (await pairOf(server))?.compared).toBe(100);
    // It scores twice as high: 26 to 50 pass by one and fail by the other.
    expect(await pairOf(server)).toMatchObject({
      disagreements: 25,
      pass_to_fail: 25,
      fail_to_pass: 0,
      rate: { value: 0.25 },
      score_difference: { mean: 50.5, max_abs: 100 },
      dropped: 0,
      failed: 0,
    });
    const labels = { model_name: 'sum', model_version: '1', shadow_version: '2' };
    expect(await sample(server, 'shadow_dies_total', { ...labels, outcome: 'compared' })).toBe(100);
    expect(await sample(server, 'shadow_disagreements_total', labels)).toBe(25);
    expect(await sample(server, 'shadow_score_difference_count', labels)).toBe(0);
  });

  test('that fails on dies harms no answer and is counted', async () => {
    const onnx = throwingModel(2);
    const manifest = manifestOf(onnx, 2, { name: 'sum', version: '2' });
    const server = await start({ onnx, manifest });
    const predictions = await batch(server, diesOf(20));
    expect(predictions.every(({ model_version }) => model_version === '1')).toBe(true);
    const failed = { shadow_version: '2', outcome: 'failed' };
    await expect.poll(() => sample(server, 'shadow_dies_total', failed)).toBeGreaterThan(0);
  });

  test('is shown nothing of a call that it could not hold, and that is counted', async () => {
    const server = await startApp({
      versions: [scaledVersion('1'), scaledVersion('2')],
      serving: { defaultModel: 'sum', models: { sum: { default: '1', shadow: ['2'] } } },
      environment: { MAX_BATCH_DIES: '2000' },
    });
    await batch(server, diesOf(1500));
    const dropped = { shadow_version: '2', outcome: 'dropped' };
    await expect.poll(() => sample(server, 'shadow_dies_total', dropped)).toBe(1500);
    await batch(server, diesOf(10));
    await expect
      .poll(() => sample(server, 'shadow_dies_total', { ...dropped, outcome: 'compared' }))
      .toBe(10);
  });
});

describe('a fallback', () => {
  const limits = { by: 'limits' as const, sigmas: 3 };
  const parameters = [
    { name: 'vth', median: 0, robustSigma: 1 },
    { name: 'idd', median: 0, robustSigma: 1 },
  ];
  const input = { name: 'test_params', parameters };
  const broken = (version: ReturnType<typeof scaledVersion>) => ({
    onnx: version.onnx.subarray(0, 40),
    manifest: {
      ...version.manifest,
      ...manifestOf(version.onnx.subarray(0, 40), 2, { name: 'sum', version: version.manifest.version }),
      fallback: version.manifest.fallback,
      input: version.manifest.input,
    },
  });

  test('by limits answers for a version that cannot be loaded: the die is ready, marked and counted', async () => {
    const server = await startApp({ versions: [broken(scaledVersion('1', { input, fallback: limits }))] });
    expect((await send(`${server.url}/ready`)).status).toBe(200);
    const [inside, outside] = await batch(server, [
      { die_id: 'a', test_params: [2.9, 0] },
      { die_id: 'b', test_params: [0, -3.1] },
    ]);
    expect(inside).toMatchObject({
      prediction: 'pass',
      fallback: true,
      model_version: '1',
      inference_time_ms: 0,
    });
    expect(outside).toMatchObject({ prediction: 'fail', fallback: true });
    expect(await sample(server, 'fallback_predictions_total', { reason: 'not_loaded' })).toBe(2);
  });

  test('answers too where the graph is not the one that the manifest names: a damaged disk stops no line', async () => {
    const whole = scaledVersion('1', { input, fallback: limits });
    const server = await startApp({ versions: [{ ...whole, onnx: whole.onnx.subarray(0, 40) }] });
    const [die] = await batch(server, [{ die_id: 'a', test_params: [0, 3.1] }]);
    expect(die).toMatchObject({ prediction: 'fail', fallback: true });
    const { failed } = JSON.parse((await send(`${server.url}/ready`)).body);
    expect(failed).toEqual([expect.stringMatching(/^model sum\/1: model\.onnx has sha256 \w{64}, manifest/)]);
  });

  test('by another version names that version', async () => {
    const versions = [
      scaledVersion('1'),
      broken(scaledVersion('2', { fallback: { by: 'version', version: '1' } })),
    ];
    const serving = { defaultModel: 'sum', models: { sum: { default: '2' } } };
    const server = await startApp({ versions, serving });
    const [prediction] = await batch(server, diesOf(1));
    expect(prediction).toMatchObject({ fallback: true, model_version: '1', anomaly_score: 1 });
  });

  test('of versions that fall back on each other ends in a refusal', async () => {
    const versions = [
      broken(scaledVersion('1', { fallback: { by: 'version', version: '2' } })),
      broken(scaledVersion('2', { fallback: { by: 'version', version: '1' } })),
      scaledVersion('3', { name: 'other' }),
    ];
    const server = await startApp({ versions, serving: { defaultModel: 'other', models: {} } });
    const { status, body } = await post(`${server.url}/models/sum/predict`, JSON.stringify(diesOf(1)[0]));
    expect([status, JSON.parse(body).detail]).toEqual([503, 'sum/2 cannot answer (not_loaded)']);
  });

  test('answers dies that the version fails on; after five in a row its circuit opens, and a probe closes it', async () => {
    const onnx = throwingModel(2);
    const manifest = manifestOf(onnx, 2, { name: 'sum', input, fallback: limits });
    const server = await startApp({ versions: [{ onnx, manifest }] });
    const bad = [{ die_id: 'bad', test_params: [50, 0] }];
    for (let i = 0; i < 5; i++) expect((await batch(server, bad))[0]).toMatchObject({ fallback: true });
    expect(server.log.lines.find(({ msg }) => msg === 'circuit')).toMatchObject({
      version: 'sum/1',
      circuit: 'open',
    });
    // Open: not even a good die is given to the version.
    expect((await batch(server, [{ die_id: 'ok', test_params: [1, 0] }]))[0]).toMatchObject({
      fallback: true,
    });
    expect(await sample(server, 'fallback_predictions_total', { reason: 'failed' })).toBe(5);
    expect(await sample(server, 'fallback_predictions_total', { reason: 'circuit_open' })).toBe(1);
    await expect
      .poll(async () => (await batch(server, [{ die_id: 'ok', test_params: [1, 0] }]))[0]?.fallback, {
        timeout: 5_000,
      })
      .toBeUndefined();
    expect(server.log.lines.findLast(({ msg }) => msg === 'circuit')).toMatchObject({ circuit: 'closed' });
  });

  test('answers where a score is not finite; without one the die is refused', async () => {
    const onnx = logModel(2);
    // Narrow enough that no die it was made for has a logarithm that is not finite: the version is loaded.
    const bounded = parameters.map(({ name }) => ({ name, median: 1, robustSigma: 0.11, expected: 1 }));
    const model = (name: string, changes: object) => ({
      onnx,
      manifest: manifestOf(onnx, 2, {
        name,
        input: { name: 'test_params', parameters: bounded },
        ...changes,
      }),
    });
    const server = await startApp({
      versions: [model('kept', { fallback: { ...limits, sigmas: 20 } }), model('bare', {})],
    });
    const die = [{ die_id: 'd', test_params: [-1, 1] }];
    expect((await batch(server, die, '/models/kept/predict/batch'))[0]).toMatchObject({
      prediction: 'pass',
      fallback: true,
    });
    expect(await sample(server, 'fallback_predictions_total', { reason: 'failed' })).toBe(1);
    expect((await post(`${server.url}/models/bare/predict/batch`, JSON.stringify(die))).status).toBe(422);
  });
});

describe('an automated canary', () => {
  const plan = {
    to: '2',
    by: 'die_id',
    steps: [50, 100],
    dwellMs: 0,
    bounds: { minDies: 200, maxFailRateRatio: null, maxLatencyRatio: 1000 },
  };
  const serving = { defaultModel: 'sum', models: { sum: { default: '1' } } };

  /** Sends dies until the canary has ended; they get the version that is given. */
  async function untilEnded(bench: Awaited<ReturnType<typeof startAdminApp>>): Promise<void> {
    let from = 0;
    const look = async () => {
      await bench.call('POST', '/predict/batch', diesOf(200, from));
      from += 200;
      return bench.app.catalogue.serving.models.sum?.canary?.status;
    };
    await expect.poll(look, { timeout: 25_000, interval: 100 }).not.toBe('running');
  }
  const events = ({ log }: StartedApp) =>
    log.lines.filter(({ msg }) => msg === 'canary').map(({ kind, percent }) => [kind, percent]);
  const audited = ({ log }: StartedApp) =>
    log.lines.filter(({ msg }) => msg === 'audit').map(({ action, who }) => [action, who]);

  test('goes from step to step and ends with the new version as the default', async () => {
    const bench = await startAdminApp({
      versions: [scaledVersion('1', { threshold: 1e9 }), scaledVersion('2', { threshold: 1e9 })],
      serving,
    });
    expect((await bench.call('POST', '/admin/models/sum/canary', plan)).status).toBe(200);
    await untilEnded(bench);
    expect(bench.app.catalogue.serving.models.sum).toMatchObject({
      default: '2',
      previous: ['1'],
      canary: { status: 'completed' },
    });
    const moves = events(bench).filter(([kind]) => kind !== 'hold');
    expect(moves).toEqual([
      ['started', 50],
      ['step', 100],
      ['completed', 100],
    ]);
    expect(audited(bench)[0]).toEqual(['canary_start', 'ada']);
    expect(audited(bench).at(-1)).toEqual(['canary_completed', 'canary']);
  }, 60_000);

  test('rolls a version back that fails other dies, by itself', async () => {
    const bench = await startAdminApp({
      versions: [scaledVersion('1', { threshold: 1e9 }), scaledVersion('2', { threshold: 0 })],
      serving,
    });
    await bench.call('POST', '/admin/models/sum/canary', { ...plan, dwellMs: 3_600_000 });
    await untilEnded(bench);
    const { sum } = bench.app.catalogue.serving.models;
    expect(sum).toMatchObject({ default: '1', canary: { status: 'rolled_back' } });
    expect(sum?.canary?.reason).toMatch(/^The difference of the fail rates is 1 /);
    expect(events(bench)).toEqual([
      ['started', 50],
      ['rolled_back', 0],
    ]);
    const answers = await bench.call('POST', '/predict/batch', diesOf(50));
    expect(JSON.stringify(answers.body)).not.toContain('"model_version":"2"');
  }, 60_000);

  test('rolls a version back that outcomes show to be wrong, by itself', async () => {
    const bench = await startAdminApp({
      versions: [scaledVersion('1', { threshold: 1e9 }), scaledVersion('2', { threshold: 1e9 })],
      serving,
    });
    await bench.call('POST', '/admin/models/sum/canary', { ...plan, dwellMs: 3_600_000 });
    const outcomes = ['1', '2'].flatMap((model_version) =>
      Array.from({ length: 300 }, (_, die) => ({
        die_id: `d${die}`,
        model_version,
        prediction: 'pass',
        actual: model_version === '1' ? 'pass' : 'fail',
      })),
    );
    expect((await bench.call('POST', '/models/sum/outcomes', outcomes)).status).toBe(200);
    await untilEnded(bench);
    const { sum } = bench.app.catalogue.serving.models;
    expect(sum).toMatchObject({ default: '1', canary: { status: 'rolled_back' } });
    expect(sum?.canary?.reason).toMatch(/^The drop of the accuracy is 1 /);
  }, 60_000);

  test('goes on where it was after a restart', async () => {
    const versions = [scaledVersion('1'), scaledVersion('2', { threshold: 2000 })];
    const first = await startAdminApp({ versions, serving });
    await first.call('POST', '/admin/models/sum/canary', { ...plan, dwellMs: 60_000 });
    const { canary } = first.app.catalogue.serving.models.sum ?? {};
    await first.app.close();
    const second = await startAdminApp({ repository: first.repository });
    expect(second.app.catalogue.serving.models.sum?.canary).toEqual(canary);
    const dies = diesOf(100);
    const { body } = await second.call('POST', '/predict/batch', dies);
    const assign = createAssign('sum', { by: 'die_id', weights: { '1': 50, '2': 50 } });
    const { predictions } = PredictionsSchema.parse(body);
    expect(predictions.map(({ model_version }) => model_version)).toEqual(dies.map((die) => assign(die)));
  });

  test('to a version that cannot be loaded after a restart is rolled back', async () => {
    const versions = [scaledVersion('1'), scaledVersion('2')];
    const first = await startAdminApp({ versions, serving });
    await first.call('POST', '/admin/models/sum/canary', { ...plan, dwellMs: 3_600_000 });
    await first.app.close();

    await rm(`${first.repository}/sum/2/model.onnx`);
    const second = await startAdminApp({ repository: first.repository });
    await second.log.line(({ msg, kind }) => msg === 'canary' && kind === 'rolled_back');
    expect(second.app.catalogue.serving.models.sum).toMatchObject({
      default: '1',
      canary: { status: 'rolled_back' },
    });
  });
});
