import { createGunzip } from 'node:zlib';
import { PackedDamage, reasonOf } from './packed-damage.js';

/** Fed so many bytes at a time: at gzip's limit of 1,032:1 they become 8 MB. */
const SLICE_BYTES = 8 * 1024;

/**
 * Unpacks gzip members one after the other, with any zeros between and behind them, as `gzip -d` does:
 * tapes and copying tools pad files. Node's own stream ends without a word at the first zero.
 */
export async function* gunzip(input: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, void> {
  let member: Member | undefined;
  let first = true;
  try {
    for await (const chunk of input) {
      for (let at = 0; at < chunk.length; ) {
        if (member === undefined) {
          at = first ? at : skipZeros(chunk, at);
          if (at === chunk.length) break;
          // Its second byte may be in the next chunk: the member says itself what is wrong with it.
          if (!first && chunk[at] !== 0x1f) throw new PackedDamage('corrupt', 'other bytes follow');
          member = openMember();
          first = false;
        }
        const slice = chunk.subarray(at, at + SLICE_BYTES);
        const taken: number = await member.write(slice);
        at += taken;
        yield* member.output();
        if (member.failure !== undefined) throw damageOf(member.failure);
        if (member.ended()) member = undefined;
        else if (taken < slice.length)
          throw new PackedDamage('corrupt', 'a gzip stream that stops taking bytes');
      }
    }
    if (member === undefined) return;
    await member.finish();
    yield* member.output();
    if (member.failure !== undefined) throw damageOf(member.failure);
  } finally {
    member?.destroy();
  }
}

interface Member {
  /** Resolves with how many of the bytes were taken, once they are through or have failed. */
  write(slice: Uint8Array): Promise<number>;
  /** What was unpacked since it was last asked. */
  output(): Uint8Array[];
  ended(): boolean;
  finish(): Promise<void>;
  destroy(): void;
  readonly failure: Error | undefined;
}

function openMember(): Member {
  const stream = createGunzip();
  let output: Uint8Array[] = [];
  let ended = false;
  let settle: () => void = () => {};
  const member = { failure: undefined as Error | undefined };
  stream.on('data', (chunk: Buffer) => output.push(chunk));
  stream.on('end', () => {
    ended = true;
    settle();
  });
  stream.on('error', (error: Error) => {
    member.failure = error;
    settle();
  });
  // After a wrong checksum, and behind the end of the stream, the callback of `write` never comes.
  stream.on('close', () => settle());
  return Object.assign(member, {
    write(slice: Uint8Array): Promise<number> {
      const before = stream.bytesWritten;
      return new Promise((resolve) => {
        settle = () => resolve(stream.bytesWritten - before);
        // A turn later it is known, too, whether the stream has ended.
        stream.write(slice, () => setImmediate(settle));
      });
    },
    output() {
      const out = output;
      output = [];
      return out;
    },
    ended: () => ended,
    async finish() {
      await new Promise<void>((resolve) => {
        settle = resolve;
        stream.end();
      });
    },
    destroy: () => stream.destroy(),
  });
}

function skipZeros(chunk: Uint8Array, from: number): number {
  let at = from;
  while (at < chunk.length && chunk[at] === 0) at++;
  return at;
}

function damageOf(error: Error): PackedDamage {
  const truncated = 'code' in error && error.code === 'Z_BUF_ERROR';
  return new PackedDamage(truncated ? 'truncated' : 'corrupt', reasonOf(error), error);
}
