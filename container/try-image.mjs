// The checks of try-image.sh, which prepares the root and the namespaces.
//   node container/try-image.mjs IMAGE ROOT OTHER_ROOT
// ROOT is the image's file system, read-only; OTHER_ROOT the same with another repository on its volume.
import assert from 'node:assert/strict';
import { lstatSync, readdirSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { childrenOf, createContainer, statusOf } from './contained.mjs';
import { readImage } from './image.mjs';

const [image = '', root = '', otherRoot = ''] = process.argv.slice(2);
const { config } = readImage(image).config;
const container = createContainer({ root, config });
const SERVER = [...config.Entrypoint, ...config.Cmd];
const [, ...HEALTHCHECK] = config.Healthcheck.Test;
const BASE = 'http://127.0.0.1:8000';
const START_TIMEOUT_MS = 120_000;

/** One check: its name, and "ok" once it has come through. */
async function check(name, run) {
  const found = await run();
  process.stdout.write(`ok  ${name}${found === undefined ? '' : `: ${found}`}\n`);
}

/** Everything in the image but what is mounted on it, as paths and their lstat. */
function* filesOf(folder) {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    const stat = lstatSync(path);
    yield { path: path.slice(root.length), stat };
    if (stat.isDirectory() && !['/proc', '/dev', '/sys'].includes(path.slice(root.length)))
      yield* filesOf(path);
  }
}

/** Starts the server and waits until it is ready. */
async function startServer(options) {
  const server = container.start(SERVER, options);
  let ended = false;
  server.ended.then(() => {
    ended = true;
  });
  const from = performance.now();
  while (!(await isReady())) {
    assert(!ended && performance.now() - from < START_TIMEOUT_MS, `not ready: ${server.output}`);
    await sleep(100);
  }
  return { server, startMs: Math.round(performance.now() - from) };
}

const isReady = () =>
  fetch(`${BASE}/ready`).then(
    ({ status }) => status === 200,
    () => false,
  );

async function json(path, init) {
  const response = await fetch(BASE + path, init);
  assert.equal(response.status, 200, `${path}: ${response.status}`);
  return response.json();
}

const predict = async () => {
  const body = JSON.stringify(await json('/models/die-defect/example'));
  return json('/predict', { method: 'POST', headers: { 'content-type': 'application/json' }, body });
};

/** A prediction whose body arrives in two halves: what happens in between happens to a request in flight. */
async function predictAround(between) {
  const body = JSON.stringify(await json('/models/die-defect/example'));
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
  const sending = request(`${BASE}/predict`, { method: 'POST', headers, agent: false });
  const answered = new Promise((resolve, reject) => {
    sending.on('error', reject).on('response', (response) => {
      response.resume().on('end', () => resolve(response.statusCode));
    });
  });
  await new Promise((resolve) => sending.write(body.slice(0, 1000), resolve));
  await sleep(200);
  await between();
  await sleep(200);
  sending.end(body.slice(1000));
  return answered;
}

await check('the user is a number and not root', () => {
  assert.match(config.User, /^[1-9]\d*:[1-9]\d*$/);
  return config.User;
});
await check('no shell, no package manager, no program but Node', () => {
  const files = [...filesOf(root)].filter(({ path, stat }) => stat.isFile() && !path.startsWith('/app'));
  const programs = files.filter(({ path, stat }) => (stat.mode & 0o111) !== 0 && !/\.so[.\d]*$/.test(path));
  assert.deepEqual(
    programs.map(({ path }) => path).filter((path) => !path.startsWith('/qemu-')),
    ['/usr/local/bin/node'],
  );
});
await check('no file gives more rights to who runs it, and none may be written by the user', () => {
  const files = [...filesOf(root)].filter(({ stat }) => !stat.isSymbolicLink());
  const risky = files.filter(
    ({ path, stat }) =>
      ((stat.mode & 0o6002) !== 0 || stat.uid !== 0) && path !== '/tmp' && !path.startsWith('/dev'),
  );
  assert.deepEqual(risky, []);
});

const { server, startMs } = await startServer();
await check('ready on a read-only root, with no network but the loopback', () => `after ${startMs} ms`);
await check('runs as process 1, as the user, without groups, capabilities or a way to more', () => {
  const status = (field) => statusOf(server.pid, field);
  assert.equal(status('NSpid').split('\t').at(-1), '1');
  assert.equal(status('Uid'), Array(4).fill(config.User.split(':')[0]).join('\t'));
  assert.equal(status('Groups'), '');
  for (const field of ['CapEff', 'CapPrm', 'CapInh', 'CapAmb']) assert.match(status(field), /^0+$/, field);
  assert.equal(status('NoNewPrivs'), '1');
});
await check('answers the example die with the shipped model', async () => {
  const answer = await predict();
  assert.equal(answer.prediction, 'pass');
  return `${answer.prediction}, ${answer.model_name} version ${answer.model_version}`;
});
await check('shows the API documentation', async () => {
  for (const path of ['/docs/', '/docs/static/swagger-ui-bundle.js', '/openapi.json', '/metrics']) {
    assert.equal((await fetch(BASE + path)).status, 200, path);
  }
});
await check('HEALTHCHECK says healthy', async () => {
  const from = performance.now();
  assert.deepEqual(await container.run(HEALTHCHECK), { code: 0, signal: null, output: '' });
  return `in ${Math.round(performance.now() - from)} ms`;
});
await check('the user cannot write anywhere', async () => {
  const script = `for (const folder of ['/', '/app', '/app/models', '/tmp', '/etc']) try {
    require('fs').writeFileSync(folder + '/x', ''); console.log(folder);
  } catch (error) { if (error.code !== 'EROFS') console.log(folder, error.code); }`;
  assert.deepEqual(await container.run(['node', '-e', script]), { code: 0, signal: null, output: '' });
});
await check('a worker that is killed is replaced and leaves no zombie', async () => {
  const [worker] = childrenOf(server.pid);
  process.kill(worker, 'SIGKILL');
  const from = performance.now();
  while (childrenOf(server.pid).includes(worker) || !(await isReady())) {
    assert(performance.now() - from < START_TIMEOUT_MS, server.output);
    await sleep(50);
  }
  await predict();
  const states = childrenOf(server.pid).map((pid) => statusOf(pid, 'State'));
  assert(states.length > 0 && states.every((state) => !state.startsWith('Z')), states.join());
});
await check('SIGTERM: the request in flight is answered, the exit code is 0', async () => {
  assert.equal(await predictAround(() => process.kill(server.pid, config.StopSignal ?? 'SIGTERM')), 200);
  const { code, signal } = await server.ended;
  assert.deepEqual({ code, signal }, { code: 0, signal: null }, server.output);
});
await check('HEALTHCHECK says unhealthy once nobody answers', async () => {
  const { code, output } = await container.run(HEALTHCHECK);
  assert.equal(code, 1);
  return output.trim();
});
await check('a repository on the volume replaces the shipped model', async () => {
  const other = await startServer({ root: otherRoot });
  const { model_version } = await predict();
  assert.equal(model_version, '2');
  process.kill(other.server.pid, 'SIGTERM');
  assert.equal((await other.server.ended).code, 0);
  return `version ${model_version}`;
});
await check('every command can be loaded', async () => {
  const { code, output } = await container.run([...config.Entrypoint, '--help']);
  assert.equal(code, 0, output);
});
process.stdout.write('all is as promised\n');
