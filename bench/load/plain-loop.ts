import type { Load } from './closed-loop.js';
import { PlainConnection, requestBytes } from './plain-connection.js';

/**
 * As `closedLoop`, by a client that costs next to nothing: what is held against `unaryLoop` and `streamLoop` is measured by a
 * client like theirs.
 * @returns dies a second
 * @throws Error when any answer was not a 200
 */
export async function plainLoop(
  port: number,
  load: Load,
  { connections, seconds }: { connections: number; seconds: number },
): Promise<number> {
  const request = requestBytes(load);
  const opened = await Promise.all(Array.from({ length: connections }, () => PlainConnection.open(port)));
  const startedMs = performance.now();
  const untilMs = startedMs + seconds * 1000;
  let answers = 0;
  const run = (connection: PlainConnection): Promise<void> =>
    new Promise((resolve, reject) => {
      const again = () =>
        connection.send(request, (status) => {
          if (status !== 200) return reject(new Error(`an answer was ${status} and not 200`));
          answers++;
          if (performance.now() < untilMs) again();
          else resolve();
        });
      again();
    });
  try {
    await Promise.all(opened.map(run));
    return (answers * load.dies * 1000) / (performance.now() - startedMs);
  } finally {
    for (const connection of opened) connection.close();
  }
}
