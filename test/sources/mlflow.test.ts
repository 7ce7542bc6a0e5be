import { readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { importCommand } from '../../src/cli/import.js';
import { Fault } from '../../src/errors.js';
import { ManifestSchema } from '../../src/models/manifest/manifest.js';
import { completeManifest } from '../../src/sources/complete-manifest.js';
import { readMlModel } from '../../src/sources/mlflow/ml-model.js';
import { innerPath } from '../../src/sources/source-files.js';
import { problemsOf, runCommand } from '../cli/support.js';
import { keysEnvironment } from '../support/admin.js';
import { fillRepository, softmaxModel, softmaxVersion, temporaryFolder } from '../support/models.js';
import { WORKER } from '../support/pool.js';
import { startApp } from '../support/start-app.js';

const MLMODEL = `
flavors:
  onnx: { data: model.onnx, onnx_version: 1.23.2 }
  python_function: { data: model.onnx }
mlflow_version: 3.17.2
model_id: m-1
run_id: run-1
signature:
  inputs: '[{"type": "float", "name": "vth"}, {"type": "double", "name": "idss"}, {"type": "float", "name": "leak"}]'
utc_time_created: '2026-12-01 01:15:11.161982'
`;

const LABELS = { 'diegate.labels': '["bad","good","odd"]', 'diegate.passLabels': '["good"]' };
const sets = ['--set', 'labels=["bad","good","odd"]', 'passLabels=["good"]'];

const importing = (args: readonly string[], options: Partial<Parameters<typeof importCommand>[0]> = {}) =>
  runCommand((streams) => importCommand({ environment: {}, ...options, streams, workerEntry: WORKER }), args);

async function manifestAt(folder: string) {
  return ManifestSchema.parse(JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8')));
}

describe('a folder that MLflow has written', () => {
  async function mlflowFolder(mlModel = MLMODEL): Promise<string> {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'MLmodel'), mlModel);
    await writeFile(join(folder, 'model.onnx'), softmaxModel(3));
    return folder;
  }

  test('becomes a version with the names of its columns and where it comes from', async () => {
    const [folder, repository] = [await mlflowFolder(), await temporaryFolder()];
    await importing([folder, '--repository', repository, '--name', 'kind', '--as-version', '4', ...sets]);
    const { input, lineage } = await manifestAt(join(repository, 'kind', '4'));
    expect(input.parameters).toEqual([{ name: 'vth' }, { name: 'idss' }, { name: 'leak' }]);
    expect(lineage).toEqual({
      data: 'not stated by the source',
      codeVersion: 'mlflow 3.17.2, onnx 1.23.2',
      created: '2026-12-01T01:15:11.161Z',
      source: { from: 'mlflow', location: folder, loggedModel: 'm-1', run: 'run-1' },
    });
  });

  test('is not placed while what only a person knows is open, unless as a draft', async () => {
    const [folder, repository] = [await mlflowFolder(), await temporaryFolder()];
    const asked = [folder, '--repository', repository, '--name', 'kind', '--as-version', '4'];
    const [problem] = await problemsOf(importing(asked));
    expect(problem).toMatch(
      /is not said: passLabels; set it with --set passLabels=…, or at MLflow with the tag/,
    );
    expect(await readdir(repository)).toEqual([]);
    const { progress } = await importing([...asked, '--draft']);
    expect(progress).toContain('is not said: passLabels');
    expect(await readdir(join(repository, 'kind', '4'))).toEqual(['manifest.json', 'model.onnx']);
  });

  test('of another flavour is refused with the way out', async () => {
    const folder = await mlflowFolder('flavors:\n  sklearn: { pickled_model: model.pkl }\n');
    const [problem] = await problemsOf(importing([folder, '--repository', await temporaryFolder(), ...sets]));
    expect(problem).toBe(
      'the MLflow model has the flavours sklearn, expected onnx: convert it and log it with mlflow.onnx.log_model',
    );
  });
});

/** The part of MLflow's REST API that is asked, with one registered model. */
async function mlflowServer(files: Readonly<Record<string, Uint8Array | string>>) {
  const state = {
    version: '1',
    uri: 'mlflow-artifacts:/1/models/m-1/artifacts',
    asked: [] as (string | undefined)[],
  };
  const root = '1/models/m-1/artifacts';
  const answers: Record<string, (url: URL) => unknown> = {
    '/api/2.0/mlflow/registered-models/alias': () => ({
      model_version: {
        name: 'kind',
        version: state.version,
        source: 'models:/m-1',
        run_id: 'run-1',
        status: 'READY',
        tags: Object.entries(LABELS).map(([key, value]) => ({ key, value })),
      },
    }),
    '/api/2.0/mlflow/model-versions/get-download-uri': () => ({ artifact_uri: state.uri }),
    '/api/2.0/mlflow/runs/get': () => ({
      run: {
        data: {
          metrics: [
            { key: 'auc', value: 0.97 },
            { key: 'loss', value: 'NaN' },
          ],
        },
      },
    }),
    '/api/2.0/mlflow-artifacts/artifacts': () => ({
      files: Object.entries(files).map(([path, content]) => ({
        path,
        is_dir: false,
        file_size: Buffer.from(content).length,
      })),
    }),
  };
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '', 'http://x');
    state.asked.push(request.headers.authorization);
    const answer = answers[url.pathname];
    const file = files[url.pathname.replace(`/api/2.0/mlflow-artifacts/artifacts/${root}/`, '')];
    if (answer !== undefined)
      response.setHeader('content-type', 'application/json').end(JSON.stringify(answer(url)));
    else if (file !== undefined) response.end(file);
    else response.writeHead(404).end('{"message":"there is none"}');
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, state };
}

describe('an MLflow server', () => {
  const files = { MLmodel: MLMODEL, 'model.onnx': softmaxModel(3) };

  test('gives the version of an alias, with tags, metrics and ids; its credentials are sent to it', async () => {
    const { url, state } = await mlflowServer(files);
    const repository = await temporaryFolder();
    const environment = { MLFLOW_TRACKING_USERNAME: 'ada', MLFLOW_TRACKING_PASSWORD: 'secret' };
    await importing(['--mlflow', url, '--model', 'kind', '--alias', 'champion', '--repository', repository], {
      environment,
    });
    const manifest = await manifestAt(join(repository, 'kind', '1'));
    expect(manifest).toMatchObject({ passLabels: ['good'], metrics: { auc: 0.97 } });
    expect(manifest.lineage.source).toEqual({
      from: 'mlflow',
      location: url,
      model: 'kind',
      version: '1',
      run: 'run-1',
      loggedModel: 'm-1',
    });
    expect(new Set(state.asked)).toEqual(new Set([`Basic ${Buffer.from('ada:secret').toString('base64')}`]));
  });

  test('whose files lie in a bucket is refused with the way out', async () => {
    const { url, state } = await mlflowServer(files);
    state.uri = 's3://bucket/1/models/m-1/artifacts';
    const [problem] = await problemsOf(
      importing([
        '--mlflow',
        url,
        '--model',
        'kind',
        '--alias',
        'champion',
        '--repository',
        await temporaryFolder(),
      ]),
    );
    expect(problem).toMatch(/lie in s3:.*start it with --serve-artifacts, or download them/);
  });

  test('a new target of the alias is imported and becomes a shadow of the running server', async () => {
    const repository = await temporaryFolder();
    const first = softmaxVersion();
    await fillRepository(repository, [first], { defaultModel: first.manifest.name, models: {} });
    const environment = { ...(await keysEnvironment()), LOG_LEVEL: 'info' };
    const app = await startApp({ repository, environment });
    const own = { ...files, 'model.onnx': first.onnx, MLmodel: MLMODEL.replace(/signature:[\s\S]*?'\n/, '') };
    const mlflow = await mlflowServer(own);
    mlflow.state.version = '7';
    const { out, progress } = await importing(
      [
        '--mlflow',
        mlflow.url,
        '--model',
        first.manifest.name,
        '--alias',
        'champion',
        '--follow',
        '60',
        '--repository',
        repository,
        '--url',
        app.url,
        '--policy',
        'shadow',
        ...setsLike(first),
      ],
      { environment: { DIEGATE_API_KEY: 'the-admin-key' }, looks: 1 },
    );
    expect([out, progress]).toEqual([expect.stringMatching(/kinds\/7: shadow at http:/), expect.anything()]);
    const audit = await app.log.line((line) => line.msg === 'audit' && line.action === 'shadow');
    expect(audit).toMatchObject({ model: 'kinds', to: ['7'], who: 'ada' });
    const serving = JSON.parse(await readFile(join(repository, 'serving.json'), 'utf8'));
    expect(serving.models.kinds).toMatchObject({ default: '1', shadow: ['7'] });
  });
});

function setsLike({ manifest }: ReturnType<typeof softmaxVersion>): string[] {
  const { labels, passLabels } = manifest as { labels: string[]; passLabels: string[] };
  return ['--set', `labels=${JSON.stringify(labels)}`, `passLabels=${JSON.stringify(passLabels)}`];
}

test('any text is read as MLmodel or refused with a fault, never anything else', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json(), fc.constant('a: &a [*a]')), (text) => {
      try {
        readMlModel(text);
        return true;
      } catch (error) {
        return error instanceof Fault;
      }
    }),
  );
});

test.each(['../x', '/x', 'a/../../x', '', '.', 'a/', 'a\\b', 'a\0'])(
  'a source may not name a file %j',
  (path) => {
    expect(() => innerPath(path)).toThrow(Fault);
  },
);

test('fields are set by path, but never who the version is or what its file is', () => {
  const source = { from: 'files', location: '/x' } as const;
  const now = { version: '0', now: new Date(0) };
  const made = completeManifest(
    { input: { name: 'x' } },
    { source, set: { threshold: '1' } },
    { 'input.missing': 'impute', threshold: '2' },
    now,
  );
  expect(made).toMatchObject({ threshold: 2, input: { name: 'x', missing: 'impute' } });
  for (const path of ['name', 'version', 'sha256', '__proto__.x', 'a.__proto__', 'a..b', '']) {
    expect(() => completeManifest({}, { source, set: { [path]: '1' } }, {}, now)).toThrow(Fault);
  }
});
