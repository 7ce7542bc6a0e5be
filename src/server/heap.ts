import { setFlagsFromString } from 'node:v8';

/**
 * Lets the heap of this process grow to three times what is alive before all of it is collected; to be called before
 * the server is loaded. No option of the command line, as NODE_OPTIONS does not take it.
 *
 * Bodies are memory outside of the heap, and V8 counts those that have come since the last full collection as
 * if they were in it. Its own limit, 42 MB over 18 MB alive, is then reached between two collections of the
 * young generation: batch calls made it mark the whole heap three to six times a second, on both cores, and
 * took 1.3 times as long (docs/measurements.md).
 */
export function letHeapGrow(): void {
  setFlagsFromString('--heap-growing-percent=200');
}

/**
 * Keeps the heap of this process small: its young generation at the size that it starts with, and all of it at
 * 1.8 times what is alive; for commands that read a lot, to be called before they do.
 *
 * The results of a part are memory outside of the heap, 5 KB for 512 tests, which is let go only when the
 * generation that holds it is collected: a young one grown to its 16 MB holds some thousand parts that nobody
 * needs, and an old one waits with those that it was given for as much again (docs/measurements.md).
 */
export function keepHeapSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
  setFlagsFromString('--heap-growing-percent=80');
}
