import { once } from 'node:events';
import net from 'node:net';
import Fastify, { type FastifyInstance } from 'fastify';
import { onTestFinished } from 'vitest';
import type { Access } from '../../../../src/callers/access.js';
import type { Permission } from '../../../../src/callers/caller.js';
import { createClientAddress } from '../../../../src/callers/client-address.js';
import { RateLimits } from '../../../../src/callers/rates.js';
import type { DieLabel, MeasurementContract } from '../../../../src/die/die.js';
import type { Prediction } from '../../../../src/die/prediction.js';
import { OIP_ERRORS, OIP_PREFIX } from '../../../../src/doors/http/oip/error-form.js';
import { oipRoutes } from '../../../../src/doors/http/oip/routes.js';
import { accessPlugin } from '../../../../src/doors/http/plugins/access.js';
import { observePlugin } from '../../../../src/doors/http/plugins/observe.js';
import { createSendRefusal, problemsPlugin } from '../../../../src/doors/http/plugins/problems.js';
import { requestIdsPlugin } from '../../../../src/doors/http/plugins/request-ids.js';
import { serializeByZod, validateByZod } from '../../../../src/doors/http/zod-provider.js';
import { Refusal } from '../../../../src/errors.js';
import type { ExchangeParts } from '../../../../src/exchange/exchange.js';
import { createRequestIds } from '../../../../src/exchange/message.js';
import { ManifestSchema } from '../../../../src/models/manifest/manifest.js';
import { createModelVersion, type ModelVersion } from '../../../../src/models/model-version.js';
import type { OipEngine, OipState, OipVersion } from '../../../../src/oip/engine.js';
import type { InferLimits } from '../../../../src/oip/infer-request.js';
import { inputsOf } from '../../../../src/oip/inputs.js';
import { contributionsOutput, outputsOf } from '../../../../src/oip/outputs.js';
import type { VersionStatistics } from '../../../../src/oip/schemas.js';
import type { Inferred, PredictionRequest } from '../../../../src/prediction/predictor.js';
import type { Target } from '../../../../src/routing/targets.js';
import { ArrivingBytes } from '../../../../src/rows/arriving-bytes.js';
import { systemClock } from '../../../../src/serving/clock.js';
import { manifestOf } from '../../../support/models.js';

/** A version of the model "screen" with its score, label, confidence and contributions. */
export function screenVersion(contract: Partial<MeasurementContract> = {}, version = '1'): OipVersion {
  const parameterCount = contract.parameterCount ?? 4;
  const manifest = ManifestSchema.parse(manifestOf(new Uint8Array(), parameterCount, { name: 'screen' }));
  const whole = { parameterCount, acceptsMissing: contract.acceptsMissing ?? false };
  return {
    name: 'screen',
    version,
    inputs: inputsOf(manifest, whole),
    rowName: manifest.input.name,
    contract: whole,
    outputs: [...outputsOf(manifest), contributionsOutput('contributions', parameterCount)],
    threshold: manifest.threshold,
    sha256: manifest.sha256,
    batching: manifest.batching,
  };
}

/** Limits for decoding, with dies named by the request's id and their row. */
export function limitsOf(version: OipVersion, maxDies = 100): InferLimits {
  return {
    version,
    maxDies,
    labelsOf: (dies, id) => Array.from({ length: dies }, (_, i) => ({ die_id: `${id ?? 'request'}-${i}` })),
  };
}

/** What the fake engine was asked to infer. */
export interface AskedInference extends Pick<PredictionRequest, 'deadlineMs' | 'lane' | 'onGone'> {
  readonly version: OipVersion;
  readonly labels: readonly DieLabel[];
  /** float32 [dies, parameters] row-major. */
  readonly params: Float32Array;
  readonly contributions: boolean;
}

/** Scores by the sum of a row's magnitudes, and fails above 1; remembers what it was asked. */
export class FakeEngine implements OipEngine {
  readonly asked: AskedInference[] = [];
  readonly calls: string[] = [];
  states: Record<string, OipState> = {};
  refusal: Refusal | undefined;
  waitingFor: readonly string[] = [];
  readonly #versions: readonly OipVersion[];

  constructor(versions: readonly OipVersion[] = [screenVersion(), screenVersion({}, '2')]) {
    this.#versions = versions;
  }

  missing(): readonly string[] {
    return this.waitingFor;
  }

  versions(model?: string): readonly OipVersion[] {
    if (model === undefined) return this.#versions;
    this.find(model);
    return this.#versions.filter(({ name }) => name === model);
  }

  find(model: string, version?: string): OipVersion {
    const named = this.#versions.filter(({ name }) => name === model);
    const found = version === undefined ? named.at(-1) : named.find((one) => one.version === version);
    if (named.length === 0) throw new Refusal('model_not_found', `there is no model "${model}"`);
    if (found === undefined) throw new Refusal('version_not_found', `no version "${version}"`);
    return found;
  }

  state({ version }: OipVersion) {
    const state = this.states[version] ?? 'READY';
    return { state, reason: state === 'READY' ? '' : `version ${version} is ${state.toLowerCase()}` };
  }

  shown({ name, version }: ModelVersion): OipVersion {
    return this.find(name, version);
  }

  admit(model: string, number?: string): Target {
    const { name, version: found, contract } = this.find(model, number);
    if (this.refusal !== undefined) throw this.refusal;
    const changes = { name, version: found };
    const manifest = ManifestSchema.parse(manifestOf(new Uint8Array(), contract.parameterCount, changes));
    const version = createModelVersion(manifest, undefined, '/nowhere');
    const entry = {
      key: version.key,
      name,
      number: found,
      version,
      state: 'ready' as const,
      reason: undefined,
      report: undefined,
    };
    return { entry, version, assign: undefined, isNamed: number !== undefined, shadows: [] };
  }

  async infer(inference: AskedInference): Promise<Inferred> {
    this.asked.push({ ...inference, params: inference.params.slice() });
    const p = inference.version.contract.parameterCount;
    const predictions = inference.labels.map(({ die_id }, i) => ({
      ...predictionOf(die_id, inference.params.subarray(i * p, (i + 1) * p)),
      model_version: inference.version.version,
    }));
    return inference.contributions
      ? { predictions, contributions: inference.params.map(Math.abs), fallback: undefined, queueMs: 0 }
      : { predictions, contributions: undefined, fallback: undefined, queueMs: 0 };
  }

  control?: OipEngine['control'] = {
    load: async (model) => {
      this.find(model);
      this.calls.push(`load ${model}`);
    },
    unload: async (model) => {
      this.find(model);
      this.calls.push(`unload ${model}`);
    },
  };

  statistics?: (version: OipVersion) => VersionStatistics;
}

export function predictionOf(dieId: string, row: Float32Array): Prediction {
  const score = Math.fround(row.reduce((sum, value) => sum + Math.abs(value), 0));
  return {
    die_id: dieId,
    prediction: score > 1 ? 'fail' : 'pass',
    confidence: 0.75,
    anomaly_score: score,
    inference_time_ms: 0.1,
    timestamp: '2026-01-01T00:00:00.000Z',
    model_name: 'screen',
    model_version: '1',
  };
}

/** The protocol's routes on a real socket, with the plugins that the server puts before them. */
export async function startOip(
  engine: FakeEngine,
  options: { access?: Access; perSecond?: number; maxBodyBytes?: number; maxBatchDies?: number } = {},
): Promise<{ port: number; url: string; app: FastifyInstance }> {
  const app = Fastify({ genReqId: createRequestIds() });
  app.setValidatorCompiler(validateByZod);
  app.setSerializerCompiler(serializeByZod);
  await app.register(observePlugin, {
    clock: systemClock,
    logger: app.log,
    clientAddress: createClientAddress([]),
    observers: [],
  });
  await app.register(requestIdsPlugin);
  await app.register(problemsPlugin, {
    sendRefusal: createSendRefusal([OIP_ERRORS]),
    hasAdmin: () => true,
  });
  await app.register(accessPlugin, { access: options.access });
  if (options.access === undefined) {
    // Where nobody is asked who they are there are no admin routes; here everybody may use them.
    app.addHook('onRoute', (route) => {
      const { permission: _permission, ...config } = route.config ?? {};
      route.config = config;
    });
  }
  const rates = new RateLimits({ perEquipment: options.perSecond ?? 0, perCaller: 0 }, systemClock);
  const exchange: ExchangeParts = {
    clock: systemClock,
    logger: app.log,
    observers: [],
    admit: (model = 'screen', version) => engine.admit(model, version),
    renew: (target) => target,
    rates,
    reader: { release: () => {} },
    predictor: {
      infer: ({ version, measurements, rawContributions = false, deadlineMs, lane, onGone }) =>
        engine.infer({
          version: engine.shown(version),
          ...measurements,
          contributions: rawContributions,
          deadlineMs,
          lane,
          onGone,
        }),
    },
  };
  await app.register(oipRoutes, {
    prefix: OIP_PREFIX,
    engine,
    version: '9.9.9',
    maxBodyBytes: options.maxBodyBytes ?? 1_048_576,
    arriving: new ArrivingBytes(134_217_728),
    maxBatchDies: options.maxBatchDies ?? 100,
    exchange,
    isControlDocumented: true,
  });
  await app.listen({ host: '127.0.0.1', port: 0 });
  onTestFinished(() => app.close());
  const address = app.server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no TCP address');
  return { port: address.port, url: `http://127.0.0.1:${address.port}`, app };
}

/** Callers by their secrets, each named by its own. */
export function accessFor(callers: Readonly<Record<string, readonly Permission[]>>): Access {
  return {
    identify: (credential) => {
      const permissions = callers[credential];
      if (permissions === undefined) throw new Refusal('unauthorized', 'the API key is not known');
      return { id: credential, permissions };
    },
    expected: 'an API key',
    hasAdmin: () => Object.values(callers).flat().includes('admin'),
    reload: async () => {},
    stop: () => {},
  };
}

/** An answer as bytes. */
export interface WireAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Buffer;
}

/** Writes bytes to a fresh connection and reads one answer off it. */
export async function exchange(port: number, bytes: Buffer): Promise<WireAnswer> {
  const socket = net.connect(port, '127.0.0.1');
  let received = Buffer.alloc(0);
  try {
    socket.write(bytes);
    for (;;) {
      const [chunk] = await once(socket, 'data');
      received = Buffer.concat([received, chunk]);
      const end = received.indexOf('\r\n\r\n');
      if (end === -1) continue;
      const [statusLine = '', ...lines] = received.toString('latin1', 0, end).split('\r\n');
      const headers = new Headers(
        lines.map((line): [string, string] => [
          line.slice(0, line.indexOf(':')),
          line.slice(line.indexOf(':') + 1),
        ]),
      );
      const length = Number(headers.get('content-length') ?? 0);
      if (received.length < end + 4 + length) continue;
      return {
        status: Number(statusLine.split(' ')[1]),
        headers,
        body: received.subarray(end + 4, end + 4 + length),
      };
    }
  } finally {
    socket.destroy();
  }
}

/** The head and body of a request, with the headers exactly as given and in their order. */
export function wire(requestLine: string, headers: readonly string[], body: Buffer | string = ''): Buffer {
  return Buffer.concat([Buffer.from(`${[requestLine, ...headers].join('\r\n')}\r\n\r\n`), Buffer.from(body)]);
}

/** Little-endian float32 of the values. */
export function float32Bytes(values: ArrayLike<number>): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  Array.from(values).forEach((value, i) => {
    bytes.writeFloatLE(value, i * 4);
  });
  return bytes;
}

/** The tensors of an answer: those in its JSON, and those in the bytes behind it, as a client reads them. */
export function tensorsOf(body: Buffer, jsonLength: string | null): Map<string, unknown[]> {
  const jsonBytes = jsonLength === null ? body.length : Number(jsonLength);
  const answer = JSON.parse(body.toString('utf8', 0, jsonBytes));
  const tensors = new Map<string, unknown[]>();
  let at = jsonBytes;
  for (const { name, datatype, data, parameters } of answer.outputs) {
    if (parameters === undefined) tensors.set(name, data);
    else {
      const bytes = body.subarray(at, at + parameters.binary_data_size);
      at += bytes.length;
      tensors.set(name, datatype === 'BYTES' ? textsOf(bytes) : floatsOf(bytes));
    }
  }
  if (at !== body.length) throw new Error(`${body.length - at} bytes of the answer belong to no output`);
  return tensors;
}

function floatsOf(bytes: Buffer): number[] {
  return Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(i * 4));
}

function textsOf(bytes: Buffer): string[] {
  const texts: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readUInt32LE(at);
    texts.push(bytes.toString('utf8', at + 4, at + 4 + length));
    at += 4 + length;
  }
  return texts;
}
