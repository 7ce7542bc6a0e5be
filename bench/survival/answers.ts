/** One HTTP answer, as far as a client that counts wants to know. */
export interface Answer {
  readonly status: number;
  /** Whether the server announced that it closes the connection after it. */
  readonly closes: boolean;
  readonly body: string;
}

const HEAD_END = Buffer.from('\r\n\r\n');

/** Takes an HTTP/1.1 connection apart into its answers; interim ones (1xx) are skipped. */
export class AnswerReader {
  readonly #isToHead: () => boolean;
  #received: Buffer = Buffer.alloc(0);

  /** @param isToHead whether the next answer is to a HEAD request, which has no body whatever it says */
  constructor(isToHead: () => boolean = () => false) {
    this.#isToHead = isToHead;
  }

  /**
   * Takes bytes of the connection; calls `receive` for every answer that they complete.
   * @throws Error when the bytes are no HTTP
   */
  push(chunk: Buffer, receive: (answer: Answer) => void): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    for (let answer = this.#next(); answer !== undefined; answer = this.#next()) {
      if (answer.status >= 200) receive(answer);
    }
  }

  /** Bytes of an answer that is not whole. */
  get pendingBytes(): number {
    return this.#received.length;
  }

  #next(): Answer | undefined {
    const headEnd = this.#received.indexOf(HEAD_END);
    if (headEnd < 0) return undefined;
    const head = this.#received.toString('latin1', 0, headEnd).toLowerCase();
    const status = Number(/^http\/1\.1 (\d{3}) /.exec(head)?.[1]);
    if (!(status >= 100)) throw new Error(`no HTTP answer: ${head.slice(0, 80)}`);
    const bodyStart = headEnd + HEAD_END.length;
    const body = this.#bodyOf(head, status, bodyStart);
    if (body === undefined) return undefined;
    this.#received = this.#received.subarray(body.end);
    return { status, closes: /\r\nconnection: close/.test(head), body: body.text };
  }

  /** The body that begins at `start`, and where it ends; undefined while it is not whole. */
  #bodyOf(head: string, status: number, start: number): { text: string; end: number } | undefined {
    if (status < 200 || status === 204 || status === 304 || this.#isToHead()) return { text: '', end: start };
    if (/\r\ntransfer-encoding: chunked/.test(head)) return this.#chunks(start);
    const end = start + Number(/\r\ncontent-length: (\d+)/.exec(head)?.[1] ?? 0);
    if (this.#received.length < end) return undefined;
    return { text: this.#received.toString('utf8', start, end), end };
  }

  #chunks(start: number): { text: string; end: number } | undefined {
    const parts: Buffer[] = [];
    for (let at = start; ; ) {
      const lineEnd = this.#received.indexOf('\r\n', at);
      if (lineEnd < 0) return undefined;
      const size = Number.parseInt(this.#received.toString('latin1', at, lineEnd), 16);
      const end = lineEnd + 2 + size + 2;
      if (this.#received.length < end) return undefined;
      if (size === 0) return { text: Buffer.concat(parts).toString('utf8'), end };
      parts.push(this.#received.subarray(lineEnd + 2, end - 2));
      at = end;
    }
  }
}
