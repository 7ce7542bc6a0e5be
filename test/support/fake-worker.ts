import type { Worker } from '../../src/serving/workers/member.js';
import type { FromWorker, ToWorker } from '../../src/serving/workers/messages.js';
import { WorkerLost, WorkerRefused } from '../../src/serving/workers/worker-process.js';

interface Asked {
  readonly message: ToWorker | { readonly type: 'started' };
  readonly resolve: (answer: FromWorker) => void;
  readonly reject: (error: Error) => void;
}

/** A worker process that answers, and ends, when a test says so. */
export class FakeWorker implements Worker {
  readonly pid: number;
  readonly exited: Promise<void>;
  /** What it has been told to open, and what it has warm. */
  readonly sessions = new Map<string, 'open' | 'warm'>();
  readonly #asked: Asked[] = [];
  readonly #onExit: (reason: string) => void;
  #hasExited: () => void = () => {};
  #isEnding = false;
  isAlive = true;

  constructor(pid: number, onExit: (reason: string) => void) {
    this.pid = pid;
    this.#onExit = onExit;
    this.exited = new Promise((resolve) => {
      this.#hasExited = resolve;
    });
  }

  get isFree(): boolean {
    return this.#asked.length === 0;
  }

  /** What it would answer next. */
  get next(): Asked['message'] | undefined {
    return this.#asked[0]?.message;
  }

  started(): Promise<void> {
    return this.#ask({ type: 'started' }).then(() => undefined);
  }

  async request<T extends FromWorker['type']>(
    message: ToWorker,
    expected: T,
  ): Promise<Extract<FromWorker, { type: T }>> {
    const answer = await this.#ask(message);
    if (isOfType(answer, expected)) return answer;
    throw new WorkerLost(`it said "${answer.type}"`);
  }

  /** Answers what it was asked first. */
  answer(): void {
    const asked = this.#asked.shift();
    if (asked !== undefined) {
      const answer = this.#answerTo(asked.message);
      if (answer instanceof Error) asked.reject(answer);
      else asked.resolve(answer);
    }
    if (this.#isEnding && this.#asked.length === 0) this.kill('exit code 0');
  }

  kill(reason: string): void {
    if (!this.isAlive) return;
    this.isAlive = false;
    for (const { reject } of this.#asked.splice(0)) reject(new WorkerLost(reason));
    this.#onExit(reason);
    this.#hasExited();
  }

  close(): Promise<void> {
    this.#isEnding = true;
    if (this.#asked.length === 0) this.kill('exit code 0');
    return this.exited;
  }

  #ask(message: Asked['message']): Promise<FromWorker> {
    if (!this.isAlive) return Promise.reject(new WorkerLost('it has ended'));
    return new Promise((resolve, reject) => {
      this.#asked.push({ message, resolve, reject });
    });
  }

  #answerTo(message: Asked['message']): FromWorker | Error {
    switch (message.type) {
      case 'started':
        return { type: 'started' };
      case 'open':
        if (message.spec.modelFile === 'refused') return new WorkerRefused('no model');
        this.sessions.set(message.spec.key, 'open');
        return { type: 'opened', key: message.spec.key, graph: { inputs: [], outputs: [] } };
      case 'warm':
        if (!this.sessions.has(message.key))
          return new WorkerRefused(`no session is open for ${message.key}`);
        this.sessions.set(message.key, 'warm');
        return {
          type: 'warmed',
          key: message.key,
          report: { policy: { kind: 'any' }, dependence: undefined, scores: new Float32Array(), costs: [] },
        };
      case 'close':
        this.sessions.delete(message.key);
        return { type: 'closed', key: message.key };
      case 'drift':
        return { type: 'drifted', key: message.key, groups: [], counts: new Float32Array() };
      case 'run':
        return this.sessions.get(message.key) === 'warm'
          ? { type: 'ran', scores: new Float32Array(message.dies), contributions: undefined, runMs: 1 }
          : new WorkerRefused(`no session is warm for ${message.key}`);
    }
  }
}

function isOfType<T extends FromWorker['type']>(
  answer: FromWorker,
  type: T,
): answer is Extract<FromWorker, { type: T }> {
  return answer.type === type;
}
