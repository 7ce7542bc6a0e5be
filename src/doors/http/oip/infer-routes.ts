import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { RateLimits } from '../../../callers/rates.js';
import { assertWithinBounds } from '../../../die/bounds.js';
import { fillCategories } from '../../../die/categories.js';
import type { DieLabel } from '../../../die/die.js';
import type { OipEngine, OipVersion } from '../../../oip/engine.js';
import { InferAnswerSchema, InferRequestSchema } from '../../../oip/schemas.js';
import { labelFromHeaders, labelsFromHeaders } from '../../../rows/decode/headers.js';
import { assertSame } from '../../../rows/read-call.js';
import { countEquipment } from '../request-rates.js';
import { readDeadlineMs, readPart } from '../schemas/requests.js';
import { inferBytesOf } from './body-parser.js';
import { decodeInferRequest, type InferBody, type InferRequest, readInferBody } from './decode-request.js';
import {
  BINARY_MEDIA_TYPE,
  InferHeadersSchema,
  jsonOrBinary,
  OIP_ADDRESSES,
  OIP_REFUSALS,
  TAGS,
} from './documentation.js';
import { encodeInferAnswer } from './encode-answer.js';
import { JSON_MEDIA_TYPE } from './error-form.js';
import { JSON_LENGTH_HEADER } from './read-inputs.js';

export interface InferRouteOptions {
  readonly engine: OipEngine;
  readonly maxBatchDies: number;
  readonly rates: RateLimits;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** The version that an infer request addresses, from `onRequest` on. */
    oipVersion: OipVersion | undefined;
    /** Whether it was named, and not found as the model's default. */
    oipVersionIsNamed: boolean;
    /** An infer request as it was read, from `preHandler` on. */
    oipRequest: InferRequest | undefined;
  }
}

/** POST infer, on a model and on a version of it. */
export function inferRoutes(app: FastifyInstance, { engine, maxBatchDies, rates }: InferRouteOptions): void {
  app.decorateRequest('oipVersion', undefined);
  app.decorateRequest('oipVersionIsNamed', false);
  app.decorateRequest('oipRequest', undefined);
  for (const { path, params, by } of OIP_ADDRESSES) {
    app.post(
      `${path}/infer`,
      {
        config: { permission: 'predict', predicts: true },
        schema: {
          tags: TAGS,
          summary: `Dies as tensors, by ${by}`,
          params,
          headers: InferHeadersSchema,
          body: jsonOrBinary(InferRequestSchema),
          response: {
            200: { description: 'The outputs', ...jsonOrBinary(InferAnswerSchema) },
            ...OIP_REFUSALS,
          },
        },
        // Before the body is read: a die that cannot be taken is refused at once.
        onRequest: async (request) => {
          const address: { model: string; version?: string } = readPart(params, request.params, 'path');
          request.oipVersion = await engine.admit(address.model, address.version);
          request.oipVersionIsNamed = address.version !== undefined;
        },
        preHandler: async (request, reply) => {
          const read = await readForNamed(engine, request, maxBatchDies);
          request.oipRequest = read;
          // For the rate limit and the log, which look for the equipment and the first die.
          request.measurements = read.measurements;
          // As on /predict: its bytes are not needed while its dies wait.
          request.body = undefined;
          const refusal = countEquipment(rates, request, reply);
          if (refusal !== undefined) throw refusal;
        },
      },
      (request, reply) => infer(engine, request, reply),
    );
  }
}

/**
 * Reads a request for the version that it names itself, where its path leaves that open.
 * @throws Refusal `invalid_input` where request and path name two
 */
async function readForNamed(
  engine: OipEngine,
  request: FastifyRequest,
  maxDies: number,
): Promise<InferRequest> {
  const version = versionOf(request);
  const jsonLength = request.headers[JSON_LENGTH_HEADER];
  const body = readInferBody(
    inferBytesOf(request.body),
    Array.isArray(jsonLength) ? jsonLength.join() : jsonLength,
  );
  const byPath = request.oipVersionIsNamed ? version.version : undefined;
  assertSame('model_name', version.name, body.named.model);
  assertSame('model_version', byPath, body.named.version);
  if (body.named.version === undefined || byPath !== undefined)
    return readRequest(request, body, version, maxDies);
  const named = await engine.admit(version.name, body.named.version);
  request.oipVersion = named;
  request.oipVersionIsNamed = true;
  return readRequest(request, body, named, maxDies);
}

function readRequest(
  request: FastifyRequest,
  body: InferBody,
  version: OipVersion,
  maxDies: number,
): InferRequest {
  const { bounds, otherLabels } = version.contract;
  const read = decodeInferRequest(body, {
    version,
    maxDies,
    labelsOf: (dies, id) => labelsOf(request, dies, id, otherLabels),
  });
  fillCategories(read.measurements, version.contract, read.pathOf);
  if (bounds !== undefined) assertWithinBounds(read.measurements, bounds, read.pathOf);
  return read;
}

/** Labels by the headers that a binary body of /predict has; ids that are not given are made of the request's. */
function labelsOf(
  { headers, id: requestId }: FastifyRequest,
  dies: number,
  id: string | undefined,
  otherLabels: readonly string[] | undefined,
): DieLabel[] {
  return dies === 1 && headers['x-die-id'] !== undefined
    ? [labelFromHeaders(headers, otherLabels)]
    : labelsFromHeaders(headers, dies, id ?? requestId, otherLabels);
}

async function infer(engine: OipEngine, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const version = versionOf(request);
  const { oipRequest: read } = request;
  if (read === undefined) throw new Error('the body of an infer request was not read');
  const results = await engine.infer({
    requestId: request.id,
    keyId: request.keyId,
    trace: request.trace,
    version,
    isNamed: request.oipVersionIsNamed,
    labels: read.measurements.labels,
    params: read.measurements.params,
    contributions: read.outputs.some(({ output }) => output.fromContributions),
    receivedAtMs: request.receivedAtMs,
    deadlineMs: earliest(readDeadlineMs(request.headers), read.timeoutMs),
    onGone: (listener) => {
      reply.raw.once('close', () => {
        if (!reply.raw.writableFinished) listener();
      });
    },
  });
  const { body: bytes, jsonBytes } = encodeInferAnswer(version, read.id, read.outputs, results);
  if (jsonBytes !== undefined) reply.header(JSON_LENGTH_HEADER, jsonBytes);
  return reply
    .header('content-type', jsonBytes === undefined ? JSON_MEDIA_TYPE : BINARY_MEDIA_TYPE)
    .send(bytes);
}

/** The header and the protocol's own parameter may both name a deadline: the earlier one holds. */
function earliest(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);
}

function versionOf({ oipVersion }: FastifyRequest): OipVersion {
  if (oipVersion === undefined) throw new Error('the version of an infer request was not found');
  return oipVersion;
}
