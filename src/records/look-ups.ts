import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { parseDieKey } from './die-key.js';
import type { AskedDie, GateRecord } from './record.js';

/** The compiled entry of the thread. */
const LOOK_UP_ENTRY = fileURLToPath(new URL('./look-up-thread.js', import.meta.url));

/**
 * The records of a die by a text that names it: its key, or else its id, which may look like one.
 * @param find see {@link LookUps.find}
 */
export async function findNamed(
  text: string,
  find: (asked: AskedDie) => Promise<readonly GateRecord[]>,
): Promise<readonly GateRecord[]> {
  const key = parseDieKey(text);
  const records = key === undefined ? [] : await find({ key });
  return records.length > 0 ? records : find({ dieId: text });
}

/** Look-ups that may wait; who asks more is asked to come again. */
const MAX_WAITING = 64;

type Answered =
  | { readonly id: number; readonly records: readonly GateRecord[] }
  | { readonly id: number; readonly problem: string };

interface Waiting {
  readonly resolve: (records: readonly GateRecord[]) => void;
  readonly reject: (error: Error) => void;
}

/** Look-ups of a server, in a thread that starts with the first of them. */
export class LookUps {
  readonly #folder: string;
  readonly #entry: string;
  readonly #waiting = new Map<number, Waiting>();
  #thread: Worker | undefined;
  #id = 0;

  /** @param entry compiled module that the thread runs, for tests */
  constructor(folder: string, entry = LOOK_UP_ENTRY) {
    this.#folder = folder;
    this.#entry = entry;
  }

  /** Whether as many wait as may. */
  get isFull(): boolean {
    return this.#waiting.size >= MAX_WAITING;
  }

  /**
   * All records of a die that have been written, in their order.
   * @throws Error where the folder cannot be read
   */
  find(asked: AskedDie): Promise<readonly GateRecord[]> {
    const thread = this.#started();
    const id = ++this.#id;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      thread.postMessage({ id, asked });
    });
  }

  /** Ends the thread. */
  close(): void {
    const thread = this.#thread;
    this.#lost(new Error('the server ends'));
    void thread?.terminate();
  }

  #started(): Worker {
    if (this.#thread !== undefined) return this.#thread;
    const thread = new Worker(this.#entry, { workerData: this.#folder, execArgv: [] });
    thread.unref();
    thread.on('message', (answered: Answered) => {
      const waiting = this.#waiting.get(answered.id);
      this.#waiting.delete(answered.id);
      if ('records' in answered) waiting?.resolve(answered.records);
      else waiting?.reject(new Error(answered.problem));
    });
    // The next look-up starts another one.
    thread.on('error', (error) => this.#lost(error instanceof Error ? error : new Error(String(error))));
    this.#thread = thread;
    return thread;
  }

  #lost(error: Error): void {
    this.#thread = undefined;
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}
