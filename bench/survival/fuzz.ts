import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { family, pssMb } from '../load/usage.js';
import { createRandom } from '../models/random.js';
import type { Figure } from '../scenarios/scenario.js';
import { SHIPPED } from '../servers/start.js';
import { type Answer, AnswerReader } from './answers.js';
import { call, predictExample, sameBits } from './calls.js';
import { createFuzzer, type FuzzCase } from './fuzz-cases.js';
import { descriptorsOf } from './processes.js';
import { ADMIN_KEY, makeRepository, writeKeys } from './repository.js';
import { holds, never, type Survival, told } from './scenario.js';
import { startServer } from './server.js';

const CONNECTIONS = 16;
const MOST_PIPELINED = 16;
const ANSWER_WITHIN_MS = 20_000;
const MAX_BODY_BYTES = 65_536;
// Offences are counted; so many are shown.
const SHOWN = 10;

/** What may be answered: what was asked for is not held against the server. */
const ALLOWED_5XX: ReadonlyMap<number, readonly string[]> = new Map([
  // Pipelining fills the queue, an unload makes version 2 not ready, and /ready tells of it.
  [503, ['queue_full', 'model_not_ready', '"not_ready"']],
  // x-deadline-ms: 0.
  [504, ['deadline_exceeded']],
]);

/** What came of all cases, over all connections. */
class Tally {
  sent = 0;
  readonly statuses = new Map<number, number>();
  /** Answers with a 5xx that nobody asked for, valid dies that were answered otherwise, bytes that were no HTTP. */
  offences = 0;
  /** Whole requests without an answer, on connections that the server had not announced to close. */
  unanswered = 0;

  take(answer: Answer, sent: FuzzCase | undefined): void {
    this.statuses.set(answer.status, (this.statuses.get(answer.status) ?? 0) + 1);
    if (sent?.expected !== undefined && !isAsExpected(answer, sent.expected))
      this.offend(`${answer.status} ${answer.body}`, sent);
    if (answer.status < 500) return;
    const codes = ALLOWED_5XX.get(answer.status) ?? [];
    if (!codes.some((code) => answer.body.includes(code)))
      this.offend(`${answer.status} ${answer.body}`, sent);
  }

  miss(cases: readonly FuzzCase[]): void {
    this.unanswered += cases.length;
    this.#show(`no answer to ${cases.length}`, cases[0]);
  }

  offend(what: string, sent: FuzzCase | undefined): void {
    this.offences++;
    this.#show(what, sent);
  }

  of(low: number, high: number): number {
    return [...this.statuses].reduce((sum, [s, count]) => sum + (s >= low && s < high ? count : 0), 0);
  }

  #show(what: string, sent: FuzzCase | undefined): void {
    if (this.offences + this.unanswered > SHOWN) return;
    const bytes = JSON.stringify(sent?.bytes.toString('latin1').slice(0, 600));
    process.stderr.write(`fuzz: ${what.slice(0, 300)} for ${sent?.kind}: ${bytes}\n`);
  }
}

/** A whole and valid die is scored as ever, unless there is no room for it. */
function isAsExpected({ status, body }: Answer, expected: string): boolean {
  return status === 200 ? body.includes(expected) : status >= 500;
}

/** A connection that sends several cases at once and waits for the answers of those that are whole. */
class Flight {
  readonly #socket: Socket;
  readonly #tally: Tally;
  readonly #waiting: FuzzCase[] = [];
  readonly #reader = new AnswerReader(() => this.#waiting[0]?.isHead ?? false);
  #landed: () => void = () => {};
  #leave: 'reset' | 'end' | 'wait' = 'wait';
  isOver = false;

  constructor(port: number, tally: Tally) {
    this.#tally = tally;
    this.#socket = connect(port, '127.0.0.1');
    this.#socket.on('data', (chunk) => this.#read(chunk));
    this.#socket.on('error', () => {});
    this.#socket.once('close', () => this.#end());
  }

  /**
   * Sends cases of which only the last may be broken, and resolves when nothing more can be expected.
   * @param leave what to do with a connection whose last case is broken: reset it at once, or end it once all
   * before that one is answered; wait where all cases are whole
   */
  async send(cases: readonly FuzzCase[], leave: 'reset' | 'end' | 'wait'): Promise<void> {
    this.#waiting.push(...cases);
    this.#leave = leave;
    const landed = new Promise<void>((resolve) => {
      this.#landed = resolve;
    });
    const late = setTimeout(() => this.#end(), ANSWER_WITHIN_MS);
    this.#socket.write(Buffer.concat(cases.map(({ bytes }) => bytes)));
    if (leave === 'reset') {
      // Nobody who has left can say what was answered.
      this.#socket.resetAndDestroy();
      this.abandon();
    }
    this.#endIfAllIsAnswered();
    await landed;
    clearTimeout(late);
  }

  /** A broken case may wait for more bytes for ever; node:http drops the answers of a client that ends early. */
  #endIfAllIsAnswered(): void {
    if (this.#leave === 'end' && this.#waiting.length === 1) this.#socket.end();
  }

  #read(chunk: Buffer): void {
    if (this.isOver) return;
    try {
      this.#reader.push(chunk, (answer) => this.#take(answer));
    } catch (error) {
      this.#tally.offend(String(error), this.#waiting[0]);
      this.#end();
    }
  }

  #take(answer: Answer): void {
    const answered = this.#waiting.shift();
    this.#tally.take(answer, answered);
    if (answer.closes) {
      this.#waiting.length = 0;
      this.#end();
    } else if (this.#waiting.length === 0) this.#landed();
    else this.#endIfAllIsAnswered();
  }

  /** Closes the connection; it takes no more cases. */
  abandon(): void {
    this.#waiting.length = 0;
    this.#end();
  }

  /** What is whole and was not answered is missing; of a broken one nothing can be expected. */
  #end(): void {
    if (this.isOver) return;
    this.isOver = true;
    const missing = this.#waiting.filter(({ isWhole }) => isWhole);
    if (missing.length > 0) this.#tally.miss(missing);
    this.#socket.destroy();
    this.#landed();
  }
}

/** Sends cases on one connection after another until `take` has no more. */
async function fuzz(port: number, tally: Tally, random: () => number, take: () => FuzzCase | undefined) {
  let flight: Flight | undefined;
  for (;;) {
    const cases: FuzzCase[] = [];
    const most = random() < 0.3 ? 1 : 1 + Math.floor(random() * MOST_PIPELINED);
    while (cases.length < most && cases.at(-1)?.isWhole !== false) {
      const next = take();
      if (next === undefined) break;
      cases.push(next);
    }
    if (cases.length === 0) break;
    if (flight === undefined || flight.isOver) flight = new Flight(port, tally);
    tally.sent += cases.length;
    const [last] = cases.slice(-1);
    const leave = random() < 0.3 ? 'reset' : 'end';
    await flight.send(cases, last?.isWhole === false ? leave : 'wait');
    if (last?.isWhole === false) flight.abandon();
  }
  flight?.abandon();
}

export const FUZZ: Survival = {
  name: 'fuzz',
  question: 'Requests that are mutated in every way: does anything break?',
  async run({ fuzzRequests, fuzzSeed }): Promise<Figure[]> {
    const server = await startServer({
      repository: makeRepository(),
      environment: {
        API_KEYS_FILE: writeKeys(),
        MAX_BODY_BYTES: String(MAX_BODY_BYTES),
        REQUEST_TIMEOUT_MS: '10000',
        LOG_LEVEL: 'warn',
      },
    });
    let died = 0;
    void server.ended.then(() => died++);
    const { url, pid, port } = server;
    const before = await predictExample(url, SHIPPED.model);
    const example = (await call(`${url}/models/${SHIPPED.model}/example`)).body;
    const descriptors = descriptorsOf(pid).all;
    const scored = `"anomaly_score":${before.anomaly_score}`;
    const inputs = { example, scored, model: SHIPPED.model, key: ADMIN_KEY };
    const next = createFuzzer(createRandom(fuzzSeed), inputs);
    const random = createRandom(fuzzSeed + 1);
    const tally = new Tally();
    let taken = 0;
    const run = async (until: number) => {
      const take = () => (taken < until ? next() : undefined);
      const counted = () => {
        const found = take();
        if (found !== undefined) taken++;
        return found;
      };
      await Promise.all(Array.from({ length: CONNECTIONS }, () => fuzz(port, tally, random, counted)));
    };
    const startedMs = performance.now();
    await run(fuzzRequests / 5);
    const pssEarly = pssMb(family(pid));
    await run(fuzzRequests);
    const pssLate = pssMb(family(pid));
    const seconds = (performance.now() - startedMs) / 1000;
    await sleep(1500);
    const after = await predictExample(url, SHIPPED.model);
    const left = descriptorsOf(pid).all - descriptors;
    const errors = server.errors();
    for (const line of errors.slice(0, SHOWN)) process.stderr.write(`fuzz: log: ${line.slice(0, 500)}\n`);
    const crashes = died;
    const { code } = await server.stop();
    return [
      told('seed', fuzzSeed),
      told('requests sent', tally.sent),
      { name: 'rate', value: tally.sent / seconds, unit: 'requests/s' },
      told('answered 2xx and 3xx', tally.of(200, 400)),
      told('answered 4xx', tally.of(400, 500)),
      told('answered 503 queue_full or model_not_ready, 504 deadline_exceeded', tally.of(500, 600)),
      never('any other 5xx, a valid die answered otherwise, or bytes that are no HTTP', tally.offences),
      never('whole requests without an answer', tally.unanswered),
      never('crashes', crashes),
      never('errors in the log', errors.length),
      holds('the example die gets the same bits as before', sameBits(before, after)),
      { name: 'memory (PSS) after a fifth', value: pssEarly, unit: 'MB' },
      { name: 'memory (PSS) at the end over that', value: pssLate / pssEarly, unit: '×', atMost: 1.2 },
      { name: 'file descriptors left over', value: left, unit: '', atMost: 2 },
      holds('ends with exit code 0', code === 0),
    ];
  },
};
