import { access, constants, mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { Fault } from '../errors.js';
import { type FolderLock, lockFolder } from './lock.js';
import { Recorder, type RecorderOptions } from './recorder.js';
import { readSigningKeyOfLog } from './signing-key.js';
import type { FromWriter, Recovered, WriterSettings } from './thread-messages.js';

/** The compiled entry of the thread. */
const WRITER_ENTRY = fileURLToPath(new URL('./writer-thread.js', import.meta.url));

interface OpenRecordsOptions extends Omit<RecorderOptions, 'thread'> {
  readonly writer: WriterSettings;
  /** Called when the thread has ended by itself, which it never does: nothing is recorded from then on. */
  readonly onLost: (error: unknown) => void;
  /** Compiled module that the thread runs, for tests. */
  readonly entry?: string | undefined;
}

/** A log that is open. */
interface OpenRecords {
  readonly recorder: Recorder;
  /** What the last process left unfinished. */
  readonly recovered: readonly Recovered[];
  /** Makes everything durable and gives the folder back. */
  close(): Promise<void>;
  /** Gives the folder back at once, when the process has to go. */
  kill(): void;
}

/**
 * Opens the log: takes the folder, looks at what the last process left, and starts the thread that writes.
 * @throws Fault `invalid_config` where folder or key cannot be used, or another process has the folder
 */
export async function openRecords(options: OpenRecordsOptions): Promise<OpenRecords> {
  const { folder, keyFile } = options.writer;
  if (keyFile !== undefined) await readSigningKeyOfLog(keyFile);
  let lock: FolderLock;
  try {
    await mkdir(folder, { recursive: true, mode: 0o750 });
    await access(folder, constants.R_OK | constants.W_OK | constants.X_OK);
    lock = await lockFolder(folder, options.clock);
  } catch (error) {
    if (error instanceof Fault) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new Fault('invalid_config', [`RECORDS_DIR: ${folder} cannot be written to: ${reason}`], error);
  }
  const worker = new Worker(options.entry ?? WRITER_ENTRY, { workerData: options.writer, execArgv: [] });
  const listeners: ((message: FromWriter) => void)[] = [];
  let isClosing = false;
  const opened = new Promise<readonly Recovered[]>((resolve, reject) => {
    worker.on('error', reject);
    worker.on('message', (message: FromWriter) => {
      if (message.type === 'opened') resolve(message.recovered);
      if (message.type === 'unfit')
        reject(
          new Fault('invalid_config', [`RECORDS_DIR: ${folder} cannot be gone on with: ${message.reason}`]),
        );
      for (const hear of listeners) hear(message);
    });
  });
  const recorder = new Recorder({
    ...options,
    thread: {
      post: (message, memory) => worker.postMessage(message, [...memory]),
      onMessage: (listener) => listeners.push(listener),
    },
  });
  const lost = (error: unknown) => {
    if (isClosing) return;
    recorder.lost('the thread that writes has ended');
    options.onLost(error);
  };
  worker.on('error', lost);
  worker.on('exit', () => lost(new Error('the thread that writes the records has ended')));
  try {
    const recovered = await opened;
    return {
      recorder,
      recovered,
      async close() {
        await recorder.close();
        isClosing = true;
        await worker.terminate();
        lock.release();
      },
      kill() {
        isClosing = true;
        void worker.terminate();
        lock.release();
      },
    };
  } catch (error) {
    isClosing = true;
    void worker.terminate();
    lock.release();
    throw error;
  }
}
