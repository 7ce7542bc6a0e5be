#!/usr/bin/env bash
# Clients that are generated from /openapi.json by three generators are compiled strictly and used against a running
# server. Needs the npm registry; about a minute and a half.
set -euo pipefail
cd "$(dirname "$0")/../.."
if [ "${1:-}" != "--with-server" ]; then exec test/real/with-server.sh test/real/generated-clients.sh --with-server; fi

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
curl -sf -H "x-api-key: $DIEGATE_KEY" "http://$DIEGATE_HOST/openapi.json" -o "$work/openapi.json"
cd "$work"
echo '{ "type": "module", "private": true }' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts --save-exact \
  @hey-api/openapi-ts@0.95.0 openapi-typescript@7.13.0 openapi-fetch@0.17.0 orval@8.38.0 typescript@5.9.3 @types/node@20.19.43
cat >tsconfig.json <<'END'
{
  "compilerOptions": {
    "strict": true, "target": "es2022", "module": "nodenext", "lib": ["es2023", "dom", "dom.iterable"],
    "types": ["node"], "skipLibCheck": true, "outDir": "out"
  },
  "files": ["use.ts"]
}
END
# Of two media types of a body orval's fetch client writes neither: it is told which one is meant.
cat >orval.config.mjs <<'END'
const contentType = { include: ['application/json', 'application/problem+json', 'text/plain'] };
export default {
  diegate: {
    input: './openapi.json',
    output: { target: './orval.ts', client: 'fetch', baseUrl: { runtime: 'process.env.DIEGATE_URL' }, override: { contentType } },
  },
};
END
npx openapi-ts -i openapi.json -o hey -c @hey-api/client-fetch >hey.log || { cat hey.log; exit 1; }
npx openapi-typescript openapi.json -o schema.ts >schema.log 2>&1 || { cat schema.log; exit 1; }
npx orval --config orval.config.mjs >orval.log 2>&1 || { cat orval.log; exit 1; }

cat >use.ts <<'END'
import assert from 'node:assert/strict';
import createClient from 'openapi-fetch';
import { client } from './hey/client.gen.js';
import * as hey from './hey/index.js';
import * as orval from './orval.js';
import type { components, paths } from './schema.js';

const url = process.env.DIEGATE_URL ?? '';
const key = process.env.DIEGATE_KEY ?? '';
const headers = { 'x-api-key': key };
const model = 'die-defect';

// hey-api: the key by the security of each operation, and by no other.
client.setConfig({ baseUrl: url, auth: ({ name }) => (name === 'x-api-key' ? key : undefined) });
const { data: example } = await hey.getModelExample({ path: { model } });
assert.ok(example !== undefined);
const die: hey.Die = { ...example, lot_id: 'lot-1' };
const one = await hey.predict({ body: die });
assert.ok(one.data !== undefined && 'die_id' in one.data);
const prediction: hey.Prediction = one.data;
assert.equal(prediction.prediction, 'pass');
const several = await hey.predict({ body: die, query: { models: `${model},other/2` } });
assert.ok(several.data !== undefined && 'count' in several.data && several.data.count === 2);
const batch = await hey.predictBatch({ body: [die, { ...die, die_id: 'b' }], headers: { 'x-deadline-ms': '5000' } });
assert.equal(batch.data?.count, 2);
const wrong = await hey.predict({ body: { ...die, test_params: [1] } });
assert.equal(wrong.response?.status, 422);
assert.ok(wrong.error !== undefined);
const problem: hey.Problem = wrong.error;
assert.equal(problem.errors?.[0]?.path, 'test_params');
const bytes = new Float32Array(example.test_params);
// Its types know the first media type of a body only.
const raw = await hey.predict({
  body: new Blob([bytes]) as never,
  bodySerializer: (body: unknown) => body as Blob,
  headers: { 'content-type': 'application/octet-stream', 'x-die-id': 'raw' } as never,
});
const byName = await hey.predict({ body: { ...die, test_params: { nothing: 1 } } });
assert.equal(byName.error?.status, 422);
assert.ok(raw.data !== undefined && 'die_id' in raw.data && raw.data.anomaly_score === prediction.anomaly_score);
const inferred = await hey.postV2ModelInfer({
  path: { model },
  body: { inputs: [{ name: 'test_params', shape: [1, example.test_params.length], datatype: 'FP32', data: example.test_params }] },
});
assert.ok(inferred.data !== undefined && typeof inferred.data !== 'string' && 'outputs' in inferred.data);
assert.equal(inferred.data.model_version, '1');
assert.equal((await hey.getHealth()).data?.status, 'ok');
assert.ok(((await hey.getMetrics({ parseAs: 'text' })).data as string).includes('# HELP'));
const index = await hey.postV2RepositoryIndex();
assert.equal(index.data?.length, 3);
const changed = await hey.putAdminModelSplit({ path: { model: 'other' }, body: { by: 'die_id', weights: { '1': 50, '2': 50 } } });
assert.equal(changed.data?.model, 'other');
const refused = await hey.deleteAdminModelSplit({ path: { model: 'nope' } });
assert.equal((refused.error as hey.Problem | undefined)?.status, 404);

// openapi-typescript with openapi-fetch: types alone.
const typed = createClient<paths>({ baseUrl: url, headers });
const answer = await typed.POST('/models/{model}/predict', { params: { path: { model } }, body: die });
assert.ok(answer.data !== undefined && 'die_id' in answer.data);
const score: components['schemas']['Prediction']['anomaly_score'] = answer.data.anomaly_score;
assert.equal(score, prediction.anomaly_score);
const unknown = await typed.GET('/models/{model}', { params: { path: { model: 'nope' } } });
assert.equal(unknown.error?.status, 404);
assert.equal(unknown.response.headers.get('x-request-id'), unknown.error?.request_id);
const detail = await typed.GET('/models/{model}/versions/{version}', { params: { path: { model, version: '1' } } });
assert.equal(detail.data?.contract.parameter_count, example.test_params.length);
const anonymous = await createClient<paths>({ baseUrl: url }).GET('/models');
assert.equal(anonymous.response.status, 401);

// orval: a function for each operation, the status tells the type.
const gotten = await orval.predict(die, undefined, { headers });
assert.ok(gotten.status === 200 && 'die_id' in gotten.data && gotten.data.anomaly_score === prediction.anomaly_score);
const missing = await orval.getModel('nope', { headers });
assert.ok(missing.status === 404 && missing.data.type === 'urn:diegate:problem:model_not_found');
const reported = await orval.reportOutcomes(
  model,
  [{ die_id: die.die_id, model_version: '1', prediction: 'pass', actual: 'pass' }],
  { headers },
);
assert.ok(reported.status === 200 && reported.data.counted === 1);
const config = await orval.getV2ModelConfig(model, { headers });
assert.ok(config.status === 200 && config.data.platform === 'onnxruntime_onnx');
console.log('clients by hey-api, openapi-typescript and orval: compiled and used as expected');
END
npx tsc
DIEGATE_URL="http://$DIEGATE_HOST" node out/use.js
