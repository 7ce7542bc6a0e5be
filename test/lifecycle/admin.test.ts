import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { PredictionSchema, PredictionsSchema } from '../../src/die/prediction.js';
import { ServingSchema } from '../../src/models/repository/serving.js';
import { type AdminBench, repeatedly, startAdminApp } from '../support/admin.js';
import { postBytes, RawConnection, send } from '../support/http.js';
import { futureModel, manifestOf, scaledVersion, sumVersion, writeVersion } from '../support/models.js';
import { startApp } from '../support/start-app.js';

const VERSIONS = [scaledVersion('1'), scaledVersion('2'), scaledVersion('3')];
const FIRST = { defaultModel: 'sum', models: { sum: { default: '1' } } };
const DIE = { die_id: 'd1', wafer_id: 'w1', test_params: [3, 4] };

const start = (options: Parameters<typeof startAdminApp>[0] = {}) =>
  startAdminApp({ versions: VERSIONS, serving: FIRST, ...options });

async function answering(bench: AdminBench, die: unknown = DIE) {
  const { status, body } = await bench.call('POST', '/predict', die);
  expect([status, body]).toEqual([200, expect.anything()]);
  const { model_version, anomaly_score } = PredictionSchema.parse(body);
  expect(anomaly_score, 'the score is of the version that is named').toBe(7 * Number(model_version));
  return model_version;
}

const savedOf = async ({ repository }: AdminBench) =>
  ServingSchema.parse(JSON.parse(await readFile(join(repository, 'serving.json'), 'utf8')));

const auditOf = ({ log }: AdminBench) =>
  log.lines
    .filter(({ msg }) => msg === 'audit')
    .map(({ action, who, model, from, to }) => ({ action, who, model, from, to }));

const code = ({ body }: { body: unknown }) => /urn:diegate:problem:(\w+)/.exec(JSON.stringify(body))?.[1];

test('why, and who agreed, is in the audit line of a promotion, a roll-back and a canary; nothing else is taken', async () => {
  const bench = await start();
  const note = { comment: 'lot 4711 was shadowed for a week', approved_by: 'ada' };
  const at = '/admin/models/sum';
  for (const [method, path, body] of [
    ['POST', 'versions/2/promote', note],
    ['POST', 'rollback', note],
    ['POST', 'canary', { to: '2', ...note }],
    ['DELETE', 'canary', note],
    ['PUT', 'split', { weights: { '1': 90, '2': 10 }, ...note }],
    ['DELETE', 'split', undefined],
  ] as const) {
    const { status, body: answer } = await bench.call(method, `${at}/${path}`, body);
    expect([path, status, answer]).toEqual([path, 200, expect.anything()]);
  }
  const lines = bench.log.lines.filter(({ msg }) => msg === 'audit');
  const noted = lines.map(({ action, comment, approved_by }) => [action, comment, approved_by]);
  expect(noted).toEqual([
    ...['promote', 'roll_back', 'canary_start', 'canary_abort', 'split'].map((action) => [
      action,
      note.comment,
      note.approved_by,
    ]),
    ['split', undefined, undefined],
  ]);
  for (const bad of [{ reason: 'x' }, { comment: '' }, { comment: 'x'.repeat(1001) }, { approved_by: 7 }]) {
    const { status } = await bench.call('POST', `${at}/versions/2/promote`, bad);
    expect([bad, status]).toEqual([bad, 422]);
  }
  expect(await answering(bench)).toBe('1');
});

describe('who may change what is served', () => {
  test('without an admin key the routes do not exist', async () => {
    const { url } = await startApp({ versions: VERSIONS });
    for (const path of ['versions/2/promote', 'rollback', 'canary'])
      expect((await send(`${url}/admin/models/sum/${path}`, { method: 'POST' })).status).toBe(404);
  });

  test('a key without the permission is refused, and nothing changes', async () => {
    const bench = await start();
    const answer = await bench.call('POST', '/admin/models/sum/versions/2/promote', undefined, 'cell');
    expect([answer.status, code(answer)]).toEqual([403, 'forbidden']);
    expect(await answering(bench)).toBe('1');
  });

  test('a name that is a path, an unknown model and an unknown version are refused', async () => {
    const bench = await start();
    for (const [path, status] of [
      ['..%2fsum/versions/2/promote', 422],
      ['none/versions/2/promote', 404],
      ['sum/versions/9/promote', 404],
      ['sum/versions/9/load', 404],
      ['sum/versions/9/unload', 404],
      ['sum/versions/x/load', 422],
    ] as const) {
      const answer = await bench.call('POST', `/admin/models/${path}`);
      expect([path, answer.status]).toEqual([path, status]);
    }
    expect(auditOf(bench)).toEqual([]);
  });
});

describe('promotion and rolling back', () => {
  test('change the default in one step, are audited, and survive a restart', async () => {
    const bench = await start();
    const promoted = await bench.call('POST', '/admin/models/sum/versions/2/promote');
    expect(promoted.body).toMatchObject({ model: 'sum', default_version: '2' });
    await bench.call('POST', '/admin/models/sum/versions/3/promote');
    expect(await answering(bench)).toBe('3');
    expect((await savedOf(bench)).models.sum).toEqual({ default: '3', previous: ['2', '1'] });

    const back = await bench.call('POST', '/admin/models/sum/rollback');
    expect(back.body).toMatchObject({ default_version: '2' });
    expect(await answering(bench)).toBe('2');
    expect(auditOf(bench)).toEqual([
      { action: 'promote', who: 'ada', model: 'sum', from: '1', to: '2' },
      { action: 'promote', who: 'ada', model: 'sum', from: '2', to: '3' },
      { action: 'roll_back', who: 'ada', model: 'sum', from: '3', to: '2' },
    ]);

    const again = await start({ repository: bench.repository });
    expect(await answering(again)).toBe('2');
    await again.call('POST', '/admin/models/sum/rollback');
    expect(await answering(again)).toBe('1');
    const none = await again.call('POST', '/admin/models/sum/rollback');
    expect([none.status, code(none)]).toEqual([409, 'change_conflict']);
  });

  test('a version that reads other dies is not promoted: testers would have to change with it', async () => {
    const bench = await start({ versions: [...VERSIONS, sumVersion(5, { version: '4' })] });
    const answer = await bench.call('POST', '/admin/models/sum/versions/4/promote');
    expect([answer.status, code(answer)]).toEqual([409, 'change_conflict']);
    expect(JSON.stringify(answer.body)).toContain(
      'sum/4 and sum/1 read different dies, 5 parameters and 2 parameters: testers',
    );
    expect(await answering(bench)).toBe('1');
  });

  test('a version that came after the start is found; one that cannot run says why in one line and nothing changes', async () => {
    const bench = await start();
    await writeVersion(join(bench.repository, 'sum/4'), scaledVersion('4'));
    const onnx = futureModel(2);
    const manifest = manifestOf(onnx, 2, { name: 'sum', version: '5' });
    await writeVersion(join(bench.repository, 'sum/5'), { onnx, manifest });

    await bench.call('POST', '/admin/models/sum/versions/4/promote');
    expect(await answering(bench)).toBe('4');
    const answer = await bench.call('POST', '/admin/models/sum/versions/5/promote');
    expect([answer.status, code(answer)]).toEqual([503, 'model_not_ready']);
    expect(JSON.stringify(answer.body)).toMatch(/model sum\/5: model.onnx cannot be run: [^\\]*9999/);
    expect(JSON.stringify(answer.body)).not.toContain(bench.repository);
    expect(await answering(bench)).toBe('4');

    // Repaired in its place, it can be loaded.
    await writeVersion(join(bench.repository, 'sum/5'), scaledVersion('5'));
    await bench.call('POST', '/admin/models/sum/versions/5/promote');
    expect(await answering(bench)).toBe('5');
  });

  test('a model.onnx that was replaced after its manifest was read is not loaded', async () => {
    const serving = { ...FIRST, load: ['1'] };
    const bench = await start({ serving });
    await writeFile(join(bench.repository, 'sum/2/model.onnx'), scaledVersion('3').onnx);
    const answer = await bench.call('POST', '/admin/models/sum/versions/2/load');
    expect([answer.status, code(answer)]).toEqual([503, 'model_not_ready']);
    expect(JSON.stringify(answer.body)).toMatch(/model\.onnx has sha256 \w{64}, manifest\.json says/);
  });
});

describe('loading and unloading', () => {
  test('a version that takes no dies leaves and comes back; its dies are refused meanwhile', async () => {
    const bench = await start();
    expect((await bench.call('POST', '/admin/models/sum/versions/3/unload')).status).toBe(200);
    const gone = await bench.call('POST', '/models/sum/versions/3/predict', DIE);
    expect([gone.status, code(gone), gone.headers.get('retry-after')]).toEqual([503, 'model_not_ready', '1']);
    expect((await bench.call('POST', '/admin/models/sum/versions/3/load')).status).toBe(200);
    expect((await bench.call('POST', '/models/sum/versions/3/predict', DIE)).status).toBe(200);
    expect(auditOf(bench)).toEqual([
      { action: 'unload', who: 'ada', model: 'sum', from: 'ready', to: 'unloaded' },
      { action: 'load', who: 'ada', model: 'sum', from: 'unloaded', to: 'ready' },
    ]);
  });

  test('what dies are sent to is not unloaded', async () => {
    const versions = [
      scaledVersion('1', { fallback: { by: 'version', version: '3' } }),
      scaledVersion('2'),
      scaledVersion('3'),
    ];
    const bench = await start({ versions });
    await bench.call('PUT', '/admin/models/sum/shadow', { versions: ['2'] });
    for (const [number, reason] of [
      ['1', 'the default version'],
      ['2', 'in the split, the canary or the shadows'],
      ['3', 'the fallback of sum/1'],
    ]) {
      const answer = await bench.call('POST', `/admin/models/sum/versions/${number}/unload`);
      expect([answer.status, code(answer)]).toEqual([409, 'change_conflict']);
      expect(JSON.stringify(answer.body)).toContain(reason);
    }
  });
});

describe('split, shadows and canaries by API', () => {
  test('a split is set and ended, and is saved', async () => {
    const bench = await start();
    const split = { by: 'wafer_id', weights: { '1': 0, '2': 100 } };
    expect((await bench.call('PUT', '/admin/models/sum/split', split)).status).toBe(200);
    expect(await answering(bench)).toBe('2');
    expect((await savedOf(bench)).models.sum?.split).toEqual(split);
    await bench.call('DELETE', '/admin/models/sum/split');
    expect(await answering(bench)).toBe('1');
    expect((await savedOf(bench)).models.sum).toEqual({ default: '1' });
  });

  test.each([
    [
      'PUT',
      'split',
      { weights: { '1': 50, '2': 40 } },
      422,
      'expected weights that sum to 100, found a sum of 90',
    ],
    ['PUT', 'split', { weights: { '1': 50, '9': 50 } }, 404, 'model \\"sum\\" has versions 1, 2, 3'],
    ['PUT', 'split', { weights: { '1': 100 }, why: 'not' }, 422, 'why'],
    ['PUT', 'shadow', { versions: ['1'] }, 422, 'takes traffic itself'],
    ['PUT', 'shadow', { versions: ['2', '2'] }, 422, 'found one twice'],
    ['POST', 'canary', { to: '1' }, 422, 'expected a version other than'],
    ['POST', 'canary', { to: '2', steps: [50, 10] }, 422, 'expected ascending steps'],
    ['DELETE', 'canary', undefined, 409, 'has no canary that runs'],
  ])('%s %s %j is refused with %i and one reason', async (method, path, body, status, reason) => {
    const bench = await start();
    const answer = await bench.call(method, `/admin/models/sum/${path}`, body);
    expect(answer.status, JSON.stringify(answer.body)).toBe(status);
    expect(JSON.stringify(answer.body)).toContain(reason);
    expect((await savedOf(bench)).models.sum).toEqual({ default: '1' });
    expect(auditOf(bench)).toEqual([]);
  });

  test('while a canary runs, another one and a split are conflicts; stopping it brings the old version back', async () => {
    const bench = await start();
    const canary = { to: '2', by: 'die_id', steps: [50, 100] };
    expect((await bench.call('POST', '/admin/models/sum/canary', canary)).status).toBe(200);
    expect((await bench.call('POST', '/admin/models/sum/canary', { to: '3' })).status).toBe(409);
    const split = await bench.call('PUT', '/admin/models/sum/split', { weights: { '1': 100 } });
    expect([split.status, code(split)]).toEqual([409, 'change_conflict']);
    const answers = new Set<string>();
    for (let i = 0; i < 40; i++) answers.add(await answering(bench, { ...DIE, die_id: `d${i}` }));
    expect([...answers].sort()).toEqual(['1', '2']);
    expect((await bench.call('DELETE', '/admin/models/sum/canary')).status).toBe(200);
    for (let i = 0; i < 20; i++) expect(await answering(bench, { ...DIE, die_id: `d${i}` })).toBe('1');
    expect((await savedOf(bench)).models.sum?.canary).toMatchObject({
      status: 'rolled_back',
      reason: 'stopped by ada',
    });
    const events = bench.log.lines.filter(({ msg }) => msg === 'canary');
    expect(events.map(({ kind, percent }) => [kind, percent])).toEqual([
      ['started', 50],
      ['rolled_back', 0],
    ]);
  });
});

describe('GET /models/{model}/traffic', () => {
  test('says which version answers, where a canary is and what it waits for', async () => {
    const bench = await start();
    expect((await bench.call('GET', '/models/sum/traffic')).body).toEqual({
      model: 'sum',
      default_version: '1',
      split: null,
      shadows: [],
      canary: null,
    });
    const canary = { to: '2', by: 'die_id', steps: [50, 100] };
    expect((await bench.call('POST', '/admin/models/sum/canary', canary)).body).toMatchObject({
      warnings: [expect.stringMatching(/^version 1 has been seen for .* and 0 dies, /)],
    });
    const { body } = await bench.call('GET', '/models/sum/traffic');
    expect(body).toMatchObject({ canary: { from: '1', to: '2', status: 'running', percent: 50, step: 0 } });
    expect(JSON.stringify(body)).toContain('The error rate rests on 0 dies, expected at least 1000.');
    expect((await bench.call('GET', '/models/none/traffic')).status).toBe(404);
  });

  test('a canary that is not paused cannot be resumed: 409 says what it is', async () => {
    const bench = await start();
    const resume = () => bench.call('POST', '/admin/models/sum/canary/resume', { next: 'step' });
    expect(JSON.stringify((await resume()).body)).toContain('that is paused, found none');
    await bench.call('POST', '/admin/models/sum/canary', { to: '2', by: 'die_id', steps: [50, 100] });
    const refused = await resume();
    expect([refused.status, code(refused)]).toEqual([409, 'change_conflict']);
    expect(JSON.stringify(refused.body)).toContain('that is paused, found one that is running');
  });
});

describe('a state that cannot be saved', () => {
  test('is 503 state_not_saved, and nothing is changed', async () => {
    const bench = await start();
    const inTheWay = join(bench.repository, `serving.json.${process.pid}.tmp`);
    await mkdir(inTheWay);
    const answer = await bench.call('POST', '/admin/models/sum/versions/2/promote');
    expect([answer.status, code(answer)]).toEqual([503, 'state_not_saved']);
    expect(await answering(bench)).toBe('1');
    expect(auditOf(bench)).toEqual([]);
    await rm(inTheWay, { recursive: true });
    expect((await bench.call('POST', '/admin/models/sum/versions/2/promote')).status).toBe(200);
    expect(await answering(bench)).toBe('2');
  });
});

describe('changes at the same time', () => {
  test('200 swaps in a row under load: every answer is one version’s own, and every fifth time the other version leaves and comes back', async () => {
    const bench = await start({ environment: { INFERENCE_WORKERS: '2', LOG_LEVEL: 'warn' } });
    const answers = new Set<string>();
    const dies = Array.from({ length: 7 }, (_, i) => ({ ...DIE, die_id: `d${i}` }));
    const stops = Array.from({ length: 4 }, (_, client) =>
      repeatedly(async () => {
        if (client > 0) {
          answers.add(await answering(bench));
          return;
        }
        const { status, body } = await bench.call('POST', '/predict/batch', dies);
        expect([status, body]).toEqual([200, expect.anything()]);
        const found = PredictionSchema.array().parse((body as { predictions: unknown }).predictions);
        const versions = new Set(found.map(({ model_version }) => model_version));
        expect(versions.size, 'the dies of a call are of one version').toBe(1);
        for (const { anomaly_score, model_version } of found)
          expect(anomaly_score).toBe(7 * Number(model_version));
      }),
    );
    for (let swap = 0; swap < 200; swap++) {
      const [to, other] = swap % 2 === 0 ? ['2', '1'] : ['1', '2'];
      const promoted = await bench.call('POST', `/admin/models/sum/versions/${to}/promote`);
      expect(promoted.status, JSON.stringify(promoted.body)).toBe(200);
      // A version that is loaded again starts a process of its own: not every time.
      if (swap % 5 > 0) continue;
      const unloaded = await bench.call('POST', `/admin/models/sum/versions/${other}/unload`);
      expect(unloaded.status, JSON.stringify(unloaded.body)).toBe(200);
    }
    for (const stop of stops) await stop();
    expect([...answers].sort()).toEqual(['1', '2']);
    expect(auditOf(bench)).toHaveLength(240);
    expect((await savedOf(bench)).models.sum?.default).toBe('1');
  }, 120_000);

  test('a die whose body is still arriving when its version is replaced and unloaded is answered by the new one', async () => {
    const bench = await start();
    const body = JSON.stringify(DIE);
    const bytes = postBytes('/predict', body, ['x-api-key: the-admin-key']);
    const connection = await RawConnection.open(bench.port);
    connection.write(bytes.subarray(0, bytes.length - 10));
    // By the time that this is answered, the server has read the head of the request before it.
    expect(await answering(bench)).toBe('1');
    await bench.call('POST', '/admin/models/sum/versions/2/promote');
    await bench.call('POST', '/admin/models/sum/versions/1/unload');
    connection.write(bytes.subarray(bytes.length - 10));
    const answer = await connection.answer();
    expect([answer?.status, JSON.parse(answer?.body ?? '{}')]).toMatchObject([
      200,
      { model_version: '2', anomaly_score: 14 },
    ]);
    connection.socket.destroy();
  });

  test('two administrators at once: what answers is what was promoted last, and it is loaded', async () => {
    const bench = await start();
    const calls: Promise<{ status: number }>[] = [];
    for (let i = 0; i < 30; i++) {
      const number = String(1 + (i % 3));
      const act = i % 2 === 0 ? 'promote' : 'unload';
      calls.push(bench.call('POST', `/admin/models/sum/versions/${number}/${act}`));
    }
    const statuses = new Set((await Promise.all(calls)).map(({ status }) => status));
    for (const status of statuses) expect([200, 409]).toContain(status);
    const { models } = await savedOf(bench);
    expect(await answering(bench)).toBe(models.sum?.default);
  });
});

describe('the model repository extension', () => {
  const other = (version: string) => scaledVersion(version, { name: 'other' });
  const call = async (bench: AdminBench, verb: 'load' | 'unload') =>
    (await bench.call('POST', `/v2/repository/models/other/${verb}`, {})).status;
  const statesOf = async ({ call: ask }: AdminBench) =>
    JSON.stringify((await ask('GET', '/models/other')).body)
      .match(/"state":"\w+"/g)
      ?.map((text) => text.slice(9, -1));

  test('brings back by load all that unload has taken down', async () => {
    const bench = await start({
      versions: [...VERSIONS, other('1'), other('2'), other('3')],
      serving: {
        ...FIRST,
        models: {
          ...FIRST.models,
          other: { default: '1', load: ['1', '2'], split: { by: 'die_id', weights: { '1': 50, '2': 50 } } },
        },
      },
    });
    const before = await statesOf(bench);
    expect(before).toEqual(['ready', 'ready', 'unloaded']);
    expect(await call(bench, 'unload')).toBe(200);
    expect(await statesOf(bench)).toEqual(['unloaded', 'unloaded', 'unloaded']);
    // Once more changes nothing, and loses nothing of what was served.
    expect(await call(bench, 'unload')).toBe(200);
    expect(await call(bench, 'load')).toBe(200);
    expect(await statesOf(bench)).toEqual(before);
    const dies = Array.from({ length: 12 }, (_, i) => ({ ...DIE, die_id: `d${i}` }));
    const { body } = await bench.call('POST', '/models/other/predict/batch', dies);
    const by = PredictionsSchema.parse(body).predictions.map(({ model_version }) => model_version);
    expect(new Set(by)).toEqual(new Set(['1', '2']));
  });

  test('brings back a version, loaded by its own call, that no dies are sent to', async () => {
    const bench = await start({
      versions: [...VERSIONS, other('1'), other('2')],
      serving: { ...FIRST, models: { ...FIRST.models, other: { default: '1', load: ['1'] } } },
    });
    expect((await bench.call('POST', '/admin/models/other/versions/2/load')).status).toBe(200);
    expect([await call(bench, 'unload'), await call(bench, 'load')]).toEqual([200, 200]);
    expect(await statesOf(bench)).toEqual(['ready', 'ready']);
  });
});
