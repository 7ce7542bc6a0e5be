import { describe, expect, test } from 'vitest';
import { DataType, GRPCInferenceService } from '../../../../src/doors/grpc/messages/inference-messages.js';
import { modelMethods } from '../../../../src/doors/grpc/services/models.js';
import { repositoryMethods } from '../../../../src/doors/grpc/services/repository.js';
import { serverMethods } from '../../../../src/doors/grpc/services/server.js';
import { InferStatistics } from '../../../../src/oip/statistics.js';
import { FakeEngine } from '../../http/oip/support.js';
import { CONTEXT, call } from './support.js';

const { method } = GRPCInferenceService;

function served(engine = new FakeEngine()) {
  const parts = { engine, version: '9.9.9', maxBatchDies: 100 };
  return [...serverMethods(parts), ...modelMethods(parts), ...repositoryMethods(parts)];
}

describe('the server', () => {
  test('is live, and ready when nothing is missing', async () => {
    const engine = new FakeEngine();
    expect((await call(served(engine), method.serverLive, {})).live).toBe(true);
    expect((await call(served(engine), method.serverReady, {})).ready).toBe(true);
    engine.waitingFor = ['screen/1 is not loaded'];
    expect((await call(served(engine), method.serverReady, {})).ready).toBe(false);
    expect((await call(served(engine), method.serverLive, {})).live).toBe(true);
  });

  test('says what it is and which extensions it has', async () => {
    expect(await call(served(), method.serverMetadata, {})).toMatchObject({
      name: 'diegate',
      version: '9.9.9',
      extensions: ['binary_tensor_data', 'model_repository', 'model_configuration'],
    });
  });

  test('nobody is asked who they are to see whether it lives; what changes models needs admin', () => {
    const needed = Object.fromEntries(
      served().map(({ path, permission }) => [path.split('/')[2], permission]),
    );
    expect(needed).toEqual({
      ServerLive: undefined,
      ServerReady: undefined,
      ServerMetadata: 'read',
      ModelReady: 'read',
      ModelMetadata: 'read',
      ModelConfig: 'read',
      ModelStatistics: 'read',
      RepositoryIndex: 'read',
      RepositoryModelLoad: 'admin',
      RepositoryModelUnload: 'admin',
    });
  });
});

describe('a model', () => {
  test('has its tensors in its metadata, with and without a version', async () => {
    for (const version of ['', '1']) {
      const metadata = await call(served(), method.modelMetadata, { name: 'screen', version });
      expect(metadata).toMatchObject({ name: 'screen', versions: ['1', '2'], platform: 'onnxruntime_onnx' });
      expect(metadata.inputs).toMatchObject([{ name: 'test_params', datatype: 'FP32', shape: [-1n, 4n] }]);
      expect(metadata.outputs[4]).toMatchObject({
        name: 'contributions',
        datatype: 'FP32',
        shape: [-1n, 4n],
      });
    }
  });

  test('is ready or not; one that is not here is not', async () => {
    const engine = new FakeEngine();
    engine.states = { '1': 'LOADING' };
    const ready = async (name: string, version = '') =>
      (await call(served(engine), method.modelReady, { name, version })).ready;
    expect(await ready('screen')).toBe(true);
    expect(await ready('screen', '1')).toBe(false);
    expect(await ready('nope')).toBe(false);
    expect(await ready('screen', '9')).toBe(false);
  });

  test('has a configuration in the words of Triton', async () => {
    const { config } = await call(served(), method.modelConfig, { name: 'screen', version: '1' });
    expect(config).toMatchObject({
      name: 'screen',
      platform: 'onnxruntime_onnx',
      backend: 'onnxruntime',
      maxBatchSize: 100,
      versionPolicy: { specific: { versions: [1n] } },
    });
    expect(config?.input).toMatchObject([{ name: 'test_params', dataType: DataType.TYPE_FP32, dims: [4n] }]);
    expect(config?.output[1]).toMatchObject({
      dataType: DataType.TYPE_STRING,
      dims: [1n],
      reshape: { shape: [] },
    });
    expect(config?.dynamicBatching?.defaultQueuePolicy?.maxQueueSize).toBeGreaterThan(0);
    expect(config?.parameters.sha256?.stringValue).toMatch(/^[0-9a-f]{64}$/);
  });

  test('that is not here has neither metadata nor a configuration', async () => {
    for (const [named, code] of [
      [{ name: 'nope' }, 'model_not_found'],
      [{ name: 'screen', version: '9' }, 'version_not_found'],
    ] as const) {
      const refused = expect.objectContaining({ code });
      await expect(call(served(), method.modelMetadata, named)).rejects.toThrow(refused);
      await expect(call(served(), method.modelConfig, named)).rejects.toThrow(refused);
    }
  });
});

describe('statistics', () => {
  test('are those of a version, of a model and of all', async () => {
    const engine = new FakeEngine();
    const counted = new InferStatistics(() => 1_000);
    counted.answered('screen/2', 3, 2);
    counted.batchRan('screen/2', { dies: 3, waitMs: 1, runMs: 2, roundTripMs: 2.5 });
    engine.statistics = ({ name, version }) => counted.of(`${name}/${version}`);
    const of = async (named: object) =>
      (await call(served(engine), method.modelStatistics, named)).modelStats;
    const [second] = await of({ name: 'screen', version: '2' });
    expect(second).toMatchObject({
      name: 'screen',
      version: '2',
      lastInference: 1_000n,
      inferenceCount: 3n,
      executionCount: 1n,
    });
    expect(second?.inferenceStats?.success).toMatchObject({ count: 1n, ns: 2_000_000n });
    expect(second?.batchStats).toMatchObject([
      { batchSize: 3n, computeInfer: { count: 1n, ns: 2_000_000n } },
    ]);
    expect(await of({ name: 'screen' })).toHaveLength(2);
    expect(await of({})).toHaveLength(2);
    await expect(of({ name: 'nope' })).rejects.toThrow(expect.objectContaining({ code: 'model_not_found' }));
  });

  test('are not found where nobody counts', async () => {
    await expect(call(served(), method.modelStatistics, {})).rejects.toThrow(
      expect.objectContaining({ code: 'not_found' }),
    );
  });
});

describe('the repository', () => {
  test('lists every version and its state, or only those that are ready', async () => {
    const engine = new FakeEngine();
    engine.states = { '1': 'UNAVAILABLE' };
    const index = async (message: object) =>
      (await call(served(engine), method.repositoryIndex, message)).models;
    expect(await index({})).toMatchObject([
      { name: 'screen', version: '1', state: 'UNAVAILABLE', reason: 'version 1 is unavailable' },
      { name: 'screen', version: '2', state: 'READY', reason: '' },
    ]);
    expect(await index({ ready: true })).toMatchObject([{ version: '2' }]);
    await expect(index({ repositoryName: 'other' })).rejects.toThrow(
      'repository_name: expected to be left out',
    );
  });

  test('takes a model into service and out of it', async () => {
    const engine = new FakeEngine();
    await call(served(engine), method.repositoryModelUnload, {
      modelName: 'screen',
      parameters: { unload_dependents: { parameterChoice: { case: 'boolParam', value: false } } },
    });
    await call(served(engine), method.repositoryModelLoad, { modelName: 'screen' });
    expect(engine.calls).toEqual(['unload screen', 'load screen']);
  });

  test.each(['config', 'file:1/model.onnx'])('takes no %s with a load', async (name) => {
    const engine = new FakeEngine();
    const parameters = { [name]: { parameterChoice: { case: 'stringParam' as const, value: '{}' } } };
    await expect(
      call(served(engine), method.repositoryModelLoad, { modelName: 'screen', parameters }),
    ).rejects.toThrow(expect.objectContaining({ code: 'invalid_input' }));
    expect(engine.calls).toEqual([]);
  });
});

test('bytes that are no message are refused', () => {
  const metadata = served().find(({ path }) => path.endsWith('/ModelMetadata'));
  if (metadata?.kind !== 'unary') return expect.fail('ModelMetadata is not served');
  expect(() => metadata.answer(Uint8Array.of(0x0a, 0x7f, 1), CONTEXT)).toThrow(
    expect.objectContaining({ code: 'bad_request' }),
  );
});
