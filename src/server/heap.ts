import { setFlagsFromString } from 'node:v8';

/**
 * Lets the heap of this process grow to three times what is alive before all of it is collected; to be called before
 * the server is loaded. No option of the command line, as NODE_OPTIONS does not take it.
 *
 * Bodies are memory outside of the heap, and V8 counts those that have come since the last full collection as
 * if they were in it. Its own limit, 42 MB over 18 MB alive, is then reached between two collections of the
 * young generation: batch calls made it mark the whole heap three to six times a second, on both cores, and
 * took 1.3 times as long (docs/performance.md).
 */
export function letHeapGrow(): void {
  setFlagsFromString('--heap-growing-percent=200');
}

/**
 * Keeps the young generation of this process at the size that it starts with; for commands that read a lot, to
 * be called before they do.
 *
 * The results of a part are memory outside of the heap, 5 KB for 512 tests, which is let go only when the
 * young generation is collected: grown to its 16 MB, it holds some thousand parts that nobody needs.
 */
export function keepYoungHeapSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}
