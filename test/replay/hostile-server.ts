import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import type { VersionDetail } from '../../src/doors/http/schemas/models.js';
import { idsOf, predictionOf } from './support.js';

/** What becomes of one post: an answer, or a connection that ends before, within or after one. */
export type Cruelty =
  | { readonly kind: 'answer' }
  | { readonly kind: 'status'; readonly status: number; readonly retryAfter?: string }
  | { readonly kind: 'dropped_unread' }
  | { readonly kind: 'dropped_within' }
  | { readonly kind: 'answered_then_dropped' }
  | { readonly kind: 'garbage' }
  | { readonly kind: 'slow'; readonly ms: number };

/** A server that predicts `fail` for dies whose first value is above 1, when it does its work at all. */
export interface HostileServer {
  readonly url: string;
  /** The ids of every post that reached it, in order. */
  readonly posts: (readonly string[])[];
  /** How often a prediction for a die was worked out, whether or not it arrived. */
  readonly predicted: Map<string, number>;
}

export async function startHostileServer(detail: VersionDetail, next: () => Cruelty): Promise<HostileServer> {
  const posts: (readonly string[])[] = [];
  const predicted = new Map<string, number>();
  const server = http.createServer((request, response) => {
    const { url = '' } = request;
    if (request.method === 'GET') {
      response.end(JSON.stringify(modelAnswer(url, detail)));
      return;
    }
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', () => {
      const text = Buffer.concat(pieces).toString('utf8');
      const ids = idsOf(text);
      posts.push(ids);
      const predictions = ids.map((id) => predictionOf(id));
      const body = JSON.stringify(
        url.endsWith('/batch') ? { predictions, count: ids.length } : predictions[0],
      );
      act(next(), response, body, () => {
        for (const id of ids) predicted.set(id, (predicted.get(id) ?? 0) + 1);
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, posts, predicted };
}

function act(cruelty: Cruelty, response: http.ServerResponse, body: string, predict: () => void): void {
  const { socket } = response;
  switch (cruelty.kind) {
    case 'answer':
      predict();
      response.end(body);
      return;
    case 'status':
      if (cruelty.retryAfter !== undefined) response.setHeader('retry-after', cruelty.retryAfter);
      response.statusCode = cruelty.status;
      response.end('{}');
      return;
    case 'dropped_unread':
      socket?.destroy();
      return;
    case 'dropped_within':
      predict();
      response.setHeader('content-length', Buffer.byteLength(body));
      response.write(body.slice(0, 20), () => socket?.destroy());
      return;
    case 'answered_then_dropped':
      predict();
      response.end(body, () => socket?.destroy());
      return;
    case 'garbage':
      predict();
      response.end(body.slice(1));
      return;
    case 'slow': {
      predict();
      const timer = setTimeout(() => response.end(body), cruelty.ms);
      response.on('close', () => clearTimeout(timer));
    }
  }
}

function modelAnswer(path: string, detail: VersionDetail): unknown {
  const { name, version } = detail;
  if (path === '/models') return { default_model: name, models: [] };
  if (path === `/models/${name}`) return { name, default_version: version, description: '', versions: [] };
  return detail;
}

/** What a server says of a model that reads these tests. */
export function detailOf(tests: readonly number[], missing: 'reject' | 'impute' = 'reject'): VersionDetail {
  return {
    name: 'sum',
    version: '1',
    description: '',
    task: 'anomaly-screen',
    base_rate: { trained_at: null, in_force: null },
    state: 'ready',
    loaded_at: null,
    load_ms: null,
    batch_policy: null,
    contract: {
      parameter_count: tests.length,
      missing,
      input: 'test_params',
      outputs: { score: 'anomaly_score' },
      parameters: tests.map((testNumber) => ({ name: `test ${testNumber}`, testNumber })),
    },
    threshold: 1,
    calibration: { method: 'logistic-log-score', slope: 1, intercept: 0, basis: 'nominal' },
    batching: { maxBatchSize: 64, maxQueueDelayMs: 0, maxQueueSize: 4096, defaultDeadlineMs: 1000 },
    sha256: '0'.repeat(64),
    lineage: { data: '', rows: 0, codeVersion: '0', created: '2026-01-01T00:00:00Z' },
    metrics: {},
  };
}
