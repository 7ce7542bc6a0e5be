import { isUtf8 } from 'node:buffer';

/**
 * Text of a file. The specification says ASCII; testers write UTF-8 or Latin-1 and nowhere say which. What is
 * valid UTF-8 is read as that, as Latin-1 text hardly ever is by chance; all else is Latin-1, which keeps
 * every byte.
 */
export function readTextBytes(bytes: Buffer, start: number, end: number): string {
  // Not TextDecoder: its latin1 is windows-1252 and loses 0x80 to 0x9f (stdf-v4.md section 2).
  const encoding = isUtf8(bytes.subarray(start, end)) ? 'utf8' : 'latin1';
  return bytes.toString(encoding, start, end);
}

/** The bytes that are read as this text: Latin-1 where they are enough, else UTF-8. */
export function textBytes(text: string): Buffer {
  const latin1 = Buffer.from(text, 'latin1');
  // A character beyond Latin-1 was cut to its lower byte, and some Latin-1 text would be read as UTF-8.
  return readTextBytes(latin1, 0, latin1.length) === text ? latin1 : Buffer.from(text, 'utf8');
}

/** A beginning of the text whose bytes are at most so many, as long as may be; no character is cut. */
export function cutToBytes(text: string, most: number): string {
  if (text.length <= most && textBytes(text).length <= most) return text;
  let cut = Array.from(text).slice(0, most);
  for (;;) {
    const beyond = textBytes(cut.join('')).length - most;
    if (beyond <= 0) return cut.join('');
    // A character has at most four bytes.
    cut = cut.slice(0, -Math.ceil(beyond / 4));
  }
}
