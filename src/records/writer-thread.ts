import { readFile, rm, stat } from 'node:fs/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { z } from 'zod';
import { systemClock } from '../serving/clock.js';
import { parseCheckpoint } from './checkpoint.js';
import { realDisk } from './disk.js';
import { recoverLog } from './recovery.js';
import { leavingSegments } from './retention.js';
import { Sealer } from './sealer.js';
import { findSegments, SEALED_PARTS, segmentFile } from './segment-files.js';
import type { FromWriter, ToWriter } from './thread-messages.js';
import { WriterLoop } from './writer-loop.js';

/** The thread that writes the records: whatever the disk does, the event loop does not wait for it. */
const port = parentPort;
if (port === null) throw new Error('the writer of records runs in a thread of the server');

const settings = z
  .object({
    folder: z.string(),
    segmentBytes: z.number(),
    segmentMs: z.number(),
    keepMs: z.number(),
    keepBytes: z.number(),
    name: z.string(),
    keyFile: z
      .string()
      .optional()
      .transform((file) => file),
  })
  .parse(workerData);
const { folder, keepMs, keepBytes, keyFile, name } = settings;
const say = (message: FromWriter, memory: readonly ArrayBuffer[] = []) =>
  port.postMessage(message, [...memory]);

const log = await recoverLog(folder).catch((error: unknown) => {
  say({ type: 'unfit', reason: error instanceof Error ? error.message : String(error) });
});
if (log !== undefined) {
  const sealer = new Sealer({
    settings: { folder, name, keyFile },
    clock: systemClock,
    say,
    onSealed: () => void letOldLeave(),
  });
  const loop = new WriterLoop({
    settings,
    disk: realDisk,
    clock: { ...systemClock, after: keptAlive },
    segment: log.segment,
    next: log.next,
    say,
    onClosed: ({ segment }) => sealer.add(segment),
  });
  port.on('message', (message: ToWriter) => {
    if (message.type === 'close') sealer.stop();
    loop.hear(message);
  });
  for (const segment of log.unsealed) sealer.add(segment);
  say({ type: 'opened', next: log.next, recovered: log.found });
}

/** Timers of the thread are what it lives by. */
function keptAlive(ms: number, run: () => void): () => void {
  const timer = setTimeout(run, ms);
  return () => clearTimeout(timer);
}

/** Removes the records of segments that are too old or too many; their checkpoints stay, so that the chain does. */
async function letOldLeave(): Promise<void> {
  try {
    const { sealed, withRecords } = await findSegments(folder);
    const kept = [];
    for (const segment of sealed) {
      let bytes = 0;
      for (const part of SEALED_PARTS)
        bytes += await stat(segmentFile(folder, segment, part)).then(
          ({ size }) => size,
          () => 0,
        );
      const checkpoint = parseCheckpoint(await readFile(segmentFile(folder, segment, 'checkpoint'), 'utf8'));
      if (checkpoint !== undefined && withRecords.includes(segment))
        kept.push({ segment, bytes, newestMs: Date.parse(checkpoint.to) });
    }
    const leaving = leavingSegments(kept, { keepMs, keepBytes, nowMs: Date.now() });
    for (const segment of leaving)
      for (const part of SEALED_PARTS)
        if (part !== 'checkpoint') await rm(segmentFile(folder, segment, part), { force: true });
    if (leaving.length > 0) say({ type: 'left', segments: leaving });
  } catch {
    // The disk is at fault, which whoever writes finds out; what is old leaves with the next segment.
  }
}
