import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { send } from './http.js';
import { temporaryFolder } from './models.js';
import { type StartedApp, type StartOptions, startApp } from './start-app.js';

const KEYS = { admin: 'the-admin-key', cell: 'the-key-of-a-cell' } as const;

/** Who calls in these tests: an administrator, or a tester cell that may not change anything. */
export type Caller = keyof typeof KEYS;

/** An answer with its body read as JSON. */
export interface JsonAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
}

/** An app with an admin key, and how to talk to it. */
export interface AdminBench extends StartedApp {
  call(method: string, path: string, body?: unknown, caller?: Caller): Promise<JsonAnswer>;
}

/** The environment of an app that knows an administrator and a tester cell. */
export async function keysEnvironment(): Promise<Record<string, string>> {
  const file = join(await temporaryFolder(), 'keys.json');
  const hash = (key: string) => createHash('sha256').update(key).digest('hex');
  const keys = [
    { id: 'ada', sha256: hash(KEYS.admin), permissions: ['admin', 'read', 'predict'] },
    { id: 'cell-7', sha256: hash(KEYS.cell), permissions: ['read', 'predict'] },
  ];
  await writeFile(file, JSON.stringify({ keys }));
  return { API_KEYS_FILE: file };
}

/** Starts an app for one test that can be administered. */
export async function startAdminApp(options: StartOptions): Promise<AdminBench> {
  const environment = { ...(await keysEnvironment()), ...options.environment };
  const started = await startApp({ ...options, environment });
  const call = async (method: string, path: string, body?: unknown, caller: Caller = 'admin') => {
    const json = body === undefined ? {} : { 'content-type': 'application/json' };
    const answer = await send(started.url + path, {
      method,
      headers: { 'x-api-key': KEYS[caller], ...json },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { ...answer, body: answer.body === '' ? undefined : JSON.parse(answer.body) };
  };
  return { ...started, call };
}

/** Calls `act` until the test has ended the returned loop; the loop's own end is awaited. */
export function repeatedly(act: () => Promise<void>): () => Promise<void> {
  let going = true;
  const loop = (async () => {
    while (going) await act();
  })();
  const stop = () => {
    going = false;
    return loop;
  };
  onTestFinished(stop);
  return stop;
}
