/** Where a command writes; process.stdout and process.stderr unless a test passes its own. */
export interface CommandStreams {
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream & { readonly isTTY?: boolean };
}

export const PROCESS_STREAMS: CommandStreams = { stdout: process.stdout, stderr: process.stderr };

/** Shows progress on one line that overwrites itself, and nowhere else than on a terminal. */
export function createProgress({ stderr }: CommandStreams): { show(text: string): void; clear(): void } {
  const write = (text: string) => {
    if (stderr.isTTY) stderr.write(`\r\u001b[K${text}`);
  };
  return { show: write, clear: () => write('') };
}

/** A share as people read it. */
export function percent(share: number): string {
  return `${(100 * share).toFixed(1)}%`;
}
