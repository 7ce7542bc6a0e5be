import { mkdtemp, readdir, readFile } from 'node:fs/promises';
import { Session } from 'node:inspector/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { dieOf } from '../support/dies.js';
import { postBytes, RawConnection } from '../support/http.js';
import { sumVersion, temporaryFolder } from '../support/models.js';
import { startApp } from '../support/start-app.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/**
 * No stations of its way: who is told of a die and has no say in it, what such a one asks for itself, and the composition,
 * whose closures lead from one part to the next.
 */
const TOLD =
  /^(monitoring|drift|traffic|server)\/|^observers\.|^routing\/(experiments|shadow-runner)\.|^lifecycle\/canary-driver\.|^oip\/statistics\.|^models\/catalogue\.ts get serving /;

const CoverageSchema = z.array(
  z.object({
    url: z.string(),
    functions: z.array(
      z.object({
        functionName: z.string(),
        ranges: z.array(z.object({ startOffset: z.int(), count: z.int() })),
      }),
    ),
  }),
);

/** How often each function of the project has run, by file and place. */
function counts(coverage: unknown, folder: 'src' | 'dist'): Map<string, number> {
  const found = new Map<string, number>();
  for (const { url, functions } of CoverageSchema.parse(coverage)) {
    const [, path] = url.split(`${ROOT}${folder}/`);
    if (path === undefined) continue;
    for (const { functionName, ranges } of functions) {
      const [whole] = ranges;
      if (whole === undefined) continue;
      const key = `${path.replace(/\.js$/, '.ts')} ${functionName} ${whole.startOffset}`;
      found.set(key, (found.get(key) ?? 0) + whole.count);
    }
  }
  return found;
}

function filesOf(keys: Iterable<string>): string[] {
  const stations = [...keys].filter((key) => !TOLD.test(key));
  return [...new Set(stations.map((key) => key.split(' ')[0] ?? ''))].sort();
}

/** Sends dies to a server of its own, one after another on one connection; what ran for the last, and in its worker for all. */
async function follow(dies: number): Promise<{ server: string[]; worker: Map<string, number> }> {
  const folder = await mkdtemp(join(await temporaryFolder(), 'coverage-'));
  process.env.NODE_V8_COVERAGE = folder;
  const started = startApp({ versions: [sumVersion(512)] });
  const { app, port } = await started.finally(() => delete process.env.NODE_V8_COVERAGE);
  const client = await RawConnection.open(port);
  const ask = async () => {
    client.write(postBytes('/predict', JSON.stringify(dieOf({}, 512))));
    expect((await client.answer())?.status).toBe(200);
  };
  for (let die = 1; die < dies; die++) await ask();
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });
  await session.post('Profiler.takePreciseCoverage');
  await ask();
  const { result } = await session.post('Profiler.takePreciseCoverage');
  session.disconnect();
  const ran = [...counts(result, 'src')].filter(([, count]) => count > 0);
  client.socket.destroy();
  await app.close();
  const worker = new Map<string, number>();
  for (const name of await readdir(folder)) {
    const { result: all } = z
      .object({ result: z.unknown() })
      .parse(JSON.parse(await readFile(join(folder, name), 'utf8')));
    for (const [key, count] of counts(all, 'dist')) worker.set(key, (worker.get(key) ?? 0) + count);
  }
  return { server: filesOf(ran.map(([key]) => key)), worker };
}

/** The files that the page names as those of a process, in its list of that name. */
function listed(page: string, title: string): string[] {
  const [, list = ''] = page.split(`**${title}**`);
  const [items = ''] = list.split(/\n\n(?!\d)/, 1);
  return [...items.matchAll(/^\d+\. `([^`]+)`/gm)].map(([, file = '']) => file).sort();
}

test('the guided tour names every file that a plain JSON die passes: at most 30, none longer than 350 lines', async () => {
  const [few, more] = [await follow(3), await follow(5)];
  const ofADie = [...more.worker].filter(([key, count]) => count > (few.worker.get(key) ?? 0));
  const page = await readFile(join(ROOT, 'docs/architecture.md'), 'utf8');
  expect(listed(page, 'In the server process')).toEqual(more.server);
  expect(listed(page, 'In the worker process')).toEqual(filesOf(ofADie.map(([key]) => key)));
  expect(more.server.length).toBeLessThanOrEqual(30);
  for (const file of more.server) {
    const text = await readFile(join(ROOT, 'src', file), 'utf8');
    expect(text.split('\n').length - 1, file).toBeLessThanOrEqual(350);
  }
}, 60_000);
