/** A sealed segment whose records are still there. */
interface KeptSegment {
  readonly segment: number;
  readonly bytes: number;
  /** When its newest record was made, milliseconds since 1970. */
  readonly newestMs: number;
}

/**
 * The segments that leave, in order: of the oldest on, those whose records are all older than they are kept, and as many as it
 * takes to come below the bytes. The newest one always stays. Only ever the oldest, so that what is left is one piece; and a
 * clock that was set back keeps more, not less.
 */
export function leavingSegments(
  segments: readonly KeptSegment[],
  {
    keepMs,
    keepBytes,
    nowMs,
  }: { readonly keepMs: number; readonly keepBytes: number; readonly nowMs: number },
): number[] {
  const inOrder = [...segments].sort((a, b) => a.segment - b.segment);
  let bytes = inOrder.reduce((sum, one) => sum + one.bytes, 0);
  const leaving: number[] = [];
  for (const { segment, newestMs, bytes: own } of inOrder.slice(0, -1)) {
    if (nowMs - newestMs <= keepMs && bytes <= keepBytes) break;
    leaving.push(segment);
    bytes -= own;
  }
  return leaving;
}
