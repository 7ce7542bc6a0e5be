// Imports each exported model, serves all of them, and holds every answer, alone and in a batch of 64, against what
// Python's ONNX Runtime answered. Prints one row for each; exit code 1 if any differs or is not refused as it should be.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const [folder, repository] = process.argv.slice(2);
const MAIN = new URL('../../../dist/main.js', import.meta.url).pathname;
const cases = readdirSync(folder)
  .filter((name) => existsSync(join(folder, name, 'case.json')))
  .sort()
  .map((name) => JSON.parse(readFileSync(join(folder, name, 'case.json'), 'utf8')));

const firstLine = (text) => text.split('\n')[0].replace(/^diegate: /, '');

/** Imports a model file; the answer is why not, or undefined. */
function imported(name, file, set) {
  const fields = Object.entries(set).map(([field, value]) => `${field}=${JSON.stringify(value)}`);
  const args = [file, '--repository', repository, '--name', name, '--as-version', '1'];
  const { status, stderr } = spawnSync('node', [MAIN, 'import', ...args, '--set', ...fields], {
    encoding: 'utf8',
  });
  return status === 0 ? undefined : firstLine(stderr);
}

const outcomes = new Map();
const repaired = new Map();
for (const { name, set, expected } of cases) {
  const file = join(folder, name, 'model.onnx');
  outcomes.set(name, imported(name, file, set));
  if (expected !== 'refused') continue;
  const out = join(folder, name, 'fixed.onnx');
  const fix = spawnSync('node', [MAIN, 'check', file, '--fix', '--out', out], { encoding: 'utf8' });
  const said = fix.status === 0 ? imported(`${name}-fixed`, out, set) : firstLine(fix.stderr);
  repaired.set(name, said);
}
const served = cases.filter(({ name }) => outcomes.get(name) === undefined);
writeFileSync(join(repository, 'serving.json'), JSON.stringify({ defaultModel: served[0].name, models: {} }));

const environment = {
  ...process.env,
  HOST: '127.0.0.1',
  PORT: '0',
  MODEL_REPOSITORY: repository,
  INFERENCE_WORKERS: '1',
  LOG_PREDICTIONS: '0',
};
const server = spawn('node', [MAIN, 'serve'], { env: environment, stdio: ['ignore', 'pipe', 'ignore'] });
const port = await new Promise((done, fail) => {
  let text = '';
  server.stdout.on('data', (chunk) => {
    text += chunk;
    const ready = text.split('\n').find((line) => line.includes('"msg":"ready"') && line.endsWith('}'));
    if (ready !== undefined) done(JSON.parse(ready).port);
  });
  server.on('exit', () => fail(new Error(`the server ended: ${text.slice(-500)}`)));
});

async function ask(name, path, body) {
  const answer = await fetch(`http://127.0.0.1:${port}/models/${name}/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-deadline-ms': '60000' },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${name}: ${answer.status} ${(await answer.text()).slice(0, 300)}`);
  return answer.json();
}

/** What the answer says of the model's output, in the output's order. */
const valuesOf = ({ probabilities, value, anomaly_score }) =>
  probabilities !== undefined ? Object.values(probabilities) : [value ?? anomaly_score];

/** The largest difference of float32 values. */
const difference = (answers, predictions) =>
  Math.max(
    ...answers.flatMap((row, die) =>
      valuesOf(predictions[die]).map((value, i) => Math.abs(Math.fround(value) - Math.fround(row[i]))),
    ),
  );

let failed = false;
const rows = [];
/** Holds a served model against what Python answered. */
async function judge(name, exporter, how, { dies, answers }) {
  const asDie = (test_params, i) => ({ die_id: `d${i}`, test_params });
  const alone = [];
  for (const [i, die] of dies.entries()) alone.push(await ask(name, 'predict', asDie(die, i)));
  const { predictions: batch } = await ask(name, 'predict/batch', dies.map(asDie));
  const [one, many] = [difference(answers, alone), difference(answers, batch)];
  const isRight = one <= 1e-6 && many <= 1e-6;
  failed ||= !isRight;
  const said =
    one === 0 && many === 0
      ? 'equal to the last bit, alone and in a batch of 64'
      : `within ${Math.max(one, many).toExponential(1)}`;
  rows.push([
    name,
    exporter,
    isRight ? `${how}: ${said}` : `WRONG: differs by ${one} alone, ${many} in a batch`,
  ]);
}

for (const one of cases) {
  const { name, exporter, expected, cure } = one;
  const refusal = outcomes.get(name);
  if (expected !== 'refused') {
    if (refusal === undefined) await judge(name, exporter, 'served as it is', one);
    else {
      failed = true;
      rows.push([name, exporter, `WRONG: ${refusal}`]);
    }
    continue;
  }
  const isRight = refusal?.includes(cure);
  failed ||= !isRight;
  rows.push([name, exporter, isRight ? `refused: ${refusal}` : `WRONG: ${refusal ?? 'served'}`]);
  const why = repaired.get(name);
  if (why === undefined) await judge(`${name}-fixed`, exporter, 'served after --fix', one);
  else {
    failed = true;
    rows.push([`${name}-fixed`, exporter, `WRONG: ${why}`]);
  }
}
for (const row of rows) process.stdout.write(`| ${row.join(' | ')} |\n`);
server.kill();
process.exitCode = failed ? 1 : 0;
