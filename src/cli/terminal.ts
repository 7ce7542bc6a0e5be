/** What a stream can show; undefined where it is not a terminal. */
interface Terminal {
  readonly columns: number;
  readonly color: boolean;
}

const COLORS = 256;

/** Asks a stream, which knows NO_COLOR, FORCE_COLOR and TERM. */
export function terminalOf(stream: NodeJS.WritableStream): Terminal | undefined {
  if (!('isTTY' in stream) || stream.isTTY !== true) return undefined;
  const columns = 'columns' in stream && typeof stream.columns === 'number' ? stream.columns : 80;
  const color =
    'hasColors' in stream && typeof stream.hasColors === 'function' && stream.hasColors(COLORS) === true;
  return { columns, color };
}
