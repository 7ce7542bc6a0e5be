import { createServer } from 'node:http';

/**
 * The floor: node:http that reads the whole body and answers a constant of the size of a prediction.
 * Nothing that serves HTTP on Node can be faster.
 */
const ANSWER = JSON.stringify({
  die_id: 'wafer123_die456',
  prediction: 'pass',
  confidence: 0.998765432109877,
  anomaly_score: 0.432109862565994,
  inference_time_ms: 0.123,
  timestamp: '2026-01-01T00:00:00.000Z',
  model_name: 'die-defect',
  model_version: '1',
});

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    Buffer.concat(chunks);
    response.writeHead(200, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(ANSWER),
    });
    response.end(ANSWER);
  });
});
server.listen(Number(process.env.PORT), '127.0.0.1');
process.on('disconnect', () => process.exit(0));
