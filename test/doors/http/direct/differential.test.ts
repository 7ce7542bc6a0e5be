import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { RawConnection, send } from '../../../support/http.js';
import { parseMetrics } from '../../../support/metrics.js';
import { sumVersion, temporaryFolder } from '../../../support/models.js';
import { type LogLine, startApp } from '../../../support/start-app.js';
import { CASES, type Case, keyCases } from './requests.js';
import { rawAnswerOf } from './support.js';

/** A header that the direct way does not know, and that nobody else minds. */
const OTHER_WAY = 'x-other: 1';

/** What one way made of all cases. */
interface Seen {
  /** By the title of the case: the whole answer as it was sent, and whether node:http read the request. */
  readonly answers: ReadonlyMap<string, { readonly text: string; readonly isOther: boolean }>;
  /** How much each counter moved. */
  readonly counters: Readonly<Record<string, number>>;
  readonly log: readonly unknown[];
}

function bytesOf({ path, headers, body }: Case, more: readonly string[]): Buffer {
  const lines = [`POST ${path} HTTP/1.1`, ...headers, `content-length: ${body.length}`, ...more];
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), body]);
}

/** Sends every case on a connection of its own, to an app of its own. */
async function see(
  cases: readonly Case[],
  more: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<Seen> {
  const { app, port, url, log } = await startApp({
    versions: [sumVersion(4, { batching: { defaultDeadlineMs: 60_000 } })],
    environment: { MAX_BODY_BYTES: '100000', ...environment },
  });
  let requests = 0;
  for (const event of ['request', 'clientError']) {
    app.http.server.on(event, () => {
      requests++;
    });
  }
  const answers = new Map<string, { text: string; isOther: boolean }>();
  const linesBefore = log.lines.length;
  const before = countersOf((await send(`${url}/metrics`)).body);
  for (const one of cases) {
    requests = 0;
    const connection = await RawConnection.open(port);
    connection.write(bytesOf(one, more));
    const text = await rawAnswerOf(connection);
    expectLength(text);
    answers.set(one.title, { text: plainText(text), isOther: requests > 0 });
    connection.socket.destroy();
  }
  const after = countersOf((await send(`${url}/metrics`)).body);
  await app.close();
  const counters = Object.fromEntries(
    Object.entries(after).map(([name, value]) => [name, value - (before[name] ?? 0)]),
  );
  // Lines of one kind are in their order; those of requests are gathered, so not with the others.
  const lines = log.lines.slice(linesBefore).sort((a, b) => a.msg.localeCompare(b.msg));
  return { answers, counters, log: lines.map(plainLine) };
}

/** Checks that an answer is as long as it says, in bytes. */
function expectLength(text: string): void {
  const [head = '', ...rest] = text.split('\r\n\r\n');
  const length = /^content-length: (\d+)$/im.exec(head)?.[1];
  expect(Number(length), text).toBe(Buffer.byteLength(rest.join('\r\n\r\n')));
}

/** An answer without what no two answers have in common. */
function plainText(text: string): string {
  return text
    .replace(/^Date: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r$/m, 'Date: <date>\r')
    .replaceAll(/"inference_time_ms":[\d.e-]+/g, '"inference_time_ms":<ms>')
    .replace(/^(ratelimit: "\w+";r=)\d+(;t=1)\r$/m, '$1<n>$2\r')
    .replaceAll(/"timestamp":"[\d-]+T[\d:.]+Z"/g, '"timestamp":"<time>"')
    .replaceAll(/\b[0-9a-f]{12}-[0-9a-z]+\b/g, '<id>')
    .replace(/^content-length: \d+\r$/m, 'content-length: <n>\r');
}

const TIMES = /^(time|pid|hostname|.*_ms|.*Ms|timestamp)$/;

function plainLine(line: LogLine): unknown {
  const text = JSON.stringify(line, (name, value: unknown) => (TIMES.test(name) ? '<time>' : value));
  return JSON.parse(text.replaceAll(/\b[0-9a-f]{12}-[0-9a-z]+\b/g, '<id>'));
}

/** Counters, and how often was measured what is measured, by name and labels. */
function countersOf(metrics: string): Record<string, number> {
  const counters: Record<string, number> = {};
  for (const [family, { type, samples }] of parseMetrics(metrics)) {
    // What a process used, and what is now, is no count of what was said.
    if (type === 'gauge' || /^(process|nodejs|event_loop|worker_cpu)/.test(family)) continue;
    for (const { name, labels, value } of samples) {
      if (/_(sum|bucket)$/.test(name) || 'quantile' in labels) continue;
      counters[`${name} ${JSON.stringify(labels)}`] = value;
    }
  }
  return counters;
}

function expectSame(cases: readonly Case[], direct: Seen, other: Seen): void {
  const titles = cases.map(({ title }) => title);
  expect(titles.filter((title, i) => titles.indexOf(title) < i)).toEqual([]);
  for (const { title, isPlain } of cases) {
    const [here, there] = [direct.answers.get(title), other.answers.get(title)];
    expect(here?.text, title).toBe(there?.text);
    expect([here?.isOther, there?.isOther], `${title}: which way`).toEqual([!isPlain, true]);
  }
  expect(direct.counters).toEqual(other.counters);
  expect(direct.log).toEqual(other.log);
}

describe('the direct way and the other way say and count the same', () => {
  test('of all kinds of requests', async () => {
    const direct = await see(CASES, [], {});
    const other = await see(CASES, [OTHER_WAY], {});
    expectSame(CASES, direct, other);
    expect(direct.log.length).toBeGreaterThan(200);
  });

  test('of callers who are asked who they are', async () => {
    const keys = { good: 'good-key', expired: 'expired-key', reader: 'reader-key' };
    const file = join(await temporaryFolder(), 'keys.json');
    const keyOf = (id: keyof typeof keys, permissions: readonly string[], expires?: string) => ({
      id,
      sha256: createHash('sha256').update(keys[id]).digest('hex'),
      permissions,
      expires,
    });
    const content = {
      keys: [
        keyOf('good', ['predict']),
        keyOf('expired', ['predict'], '2020-01-01T00:00:00Z'),
        keyOf('reader', ['read']),
      ],
    };
    await writeFile(file, JSON.stringify(content));
    const cases = keyCases(keys);
    const environment = { API_KEYS_FILE: file };
    expectSame(cases, await see(cases, [], environment), await see(cases, [OTHER_WAY], environment));
  });

  test('where rates are limited', async () => {
    const cases = CASES.filter(({ title }, i) => i % 4 === 0 || /^batch|^binary batch/.test(title));
    const environment = { RATE_LIMIT_PER_SECOND: '100000', CALLER_RATE_LIMIT_PER_SECOND: '100000' };
    const direct = await see(cases, [], environment);
    expectSame(cases, direct, await see(cases, [OTHER_WAY], environment));
    const limited = [...direct.answers.values()].filter(({ text }) => /^ratelimit: "equipment"/m.test(text));
    expect(limited.length).toBeGreaterThan(20);
  });

  test('where pages of other origins may call', async () => {
    const cases = CASES.slice(0, 40);
    const environment = { CORS_ORIGINS: 'https://a.example' };
    expectSame(cases, await see(cases, [], environment), await see(cases, [OTHER_WAY], environment));
  });
});
