import { headText, type RequestHead, readHead } from './request-head.js';

// More than the testers of a floor send; beyond it the next ones are read anew.
const MAX_KNOWN = 512;
// A longer one is nobody's usual head, and would be kept in memory, credentials and all.
const MAX_LENGTH = 2_048;

/**
 * Reads heads, and remembers what they say by their very bytes: a tester sends the same one with every die,
 * but for the length of the body. One that holds an id of its own is not worth remembering.
 */
export class KnownHeads {
  readonly #known = new Map<string, RequestHead>();

  /** The head that some bytes begin with, as `readHead` reads it; undefined also where its end has not come. */
  read(bytes: Buffer): RequestHead | undefined {
    const text = headText(bytes);
    if (text === undefined) return undefined;
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    const head = readHead(text);
    if (head === undefined || text.length > MAX_LENGTH || holdsAnId(head)) return head;
    if (this.#known.size === MAX_KNOWN) this.#known.clear();
    this.#known.set(text, head);
    return head;
  }
}

function holdsAnId({ headers }: RequestHead): boolean {
  return (
    headers['x-request-id'] !== undefined ||
    headers['x-die-id'] !== undefined ||
    headers['x-die-ids'] !== undefined
  );
}
