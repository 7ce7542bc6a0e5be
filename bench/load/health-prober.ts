import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

const EVERY_MS = 20;

/**
 * Milliseconds of GET /health, every 20 ms until `done`, ascending. Asked by a process of its own, as a
 * kubelet is: a process that makes load at the same time would measure its own event loop.
 */
export async function healthLatencies(port: number, done: Promise<unknown>): Promise<Float64Array> {
  const prober = fork(fileURLToPath(import.meta.url), [String(port)]);
  const answered = new Promise((resolve) => prober.once('message', resolve));
  await done;
  prober.send('done');
  const latencies = z.array(z.number()).parse(await answered);
  prober.disconnect();
  return Float64Array.from(latencies).sort();
}

async function probe(port: number): Promise<void> {
  const taken: number[] = [];
  let running = true;
  process.once('message', () => {
    running = false;
  });
  while (running) {
    const startedMs = performance.now();
    await (await fetch(`http://127.0.0.1:${port}/health`)).arrayBuffer();
    taken.push(performance.now() - startedMs);
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
  }
  process.send?.(taken);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await probe(Number(process.argv[2]));
