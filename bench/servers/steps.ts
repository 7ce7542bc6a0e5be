import { createServer } from 'node:http';
import { createServer as createSocketServer } from 'node:net';
import Fastify from 'fastify';
import { decodeDie } from '../../src/rows/decode/json.js';
import { RowPool } from '../../src/rows/read-dies.js';

/**
 * What each part of the way costs, one server for each STEP, all answering the floor's constant: `sockets` is
 * node:net without an HTTP parser worth the name, `decode` is the floor and the decoder, `fastify` is Fastify
 * without it, `fastify-decode` is both. No queue, no inference, no log, no metrics.
 */
const PARAMETERS = 512;
const ANSWER = JSON.stringify({
  die_id: 'wafer123_die456',
  prediction: 'pass',
  confidence: 0.998765,
  anomaly_score: 0.432109862565994,
  inference_time_ms: 0.123,
  timestamp: '2026-01-01T00:00:00.000Z',
  model_name: 'die-defect',
  model_version: '1',
});
const contract = { parameterCount: PARAMETERS, acceptsMissing: false };
const rows = new RowPool(PARAMETERS);
const step = process.env.STEP ?? '';
const port = Number(process.env.PORT);

function decode(body: Buffer): void {
  rows.give(decodeDie(body, contract, rows).params);
}

if (step === 'sockets') {
  const answer =
    `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${ANSWER.length}\r\n` +
    `connection: keep-alive\r\n\r\n${ANSWER}`;
  createSocketServer((socket) => {
    let received: Buffer = Buffer.alloc(0);
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk) => {
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
      const end = received.indexOf('\r\n\r\n');
      const length = /content-length: (\d+)/i.exec(received.toString('latin1', 0, Math.max(0, end)))?.[1];
      if (end === -1 || received.length < end + 4 + Number(length ?? 0)) return;
      received = Buffer.alloc(0);
      socket.write(answer);
    });
  }).listen(port, '127.0.0.1');
} else if (step === 'decode') {
  createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      if (request.url === '/predict') decode(Buffer.concat(chunks));
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': ANSWER.length });
      response.end(ANSWER);
    });
  }).listen(port, '127.0.0.1');
} else {
  const app = Fastify();
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => {
    if (step === 'fastify-decode' && Buffer.isBuffer(body)) decode(body);
    done(null, body);
  });
  app.post('/predict', (_request, reply) => {
    reply.header('content-type', 'application/json').send(ANSWER);
  });
  app.get('/health', (_request, reply) => {
    reply.send('ok');
  });
  await app.listen({ port, host: '127.0.0.1' });
}
process.on('disconnect', () => process.exit(0));
