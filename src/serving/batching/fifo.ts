// Compacting moves the live part to the front; below this length it is not worth the move.
const COMPACT_ABOVE = 64;

/** First in, first out, with constant-time `push` and `shift` (amortised) and no allocation for each item. */
export class Fifo<T> {
  #items: T[] = [];
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  /** The oldest item, or undefined when empty. */
  peek(): T | undefined {
    return this.#items[this.#head];
  }

  /** Removes the oldest item. */
  shift(): void {
    if (this.length === 0) return;
    this.#head++;
    if (this.#head >= COMPACT_ABOVE && this.#head * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
  }

  /** Visits every item, the oldest first. */
  forEach(visit: (item: T) => void): void {
    for (let i = this.#head; i < this.#items.length; i++) visit(this.#items[i]);
  }

  /** Keeps the items for which `keep` is true, in order. */
  retain(keep: (item: T) => boolean): void {
    this.#items = this.#items.slice(this.#head).filter(keep);
    this.#head = 0;
  }
}
