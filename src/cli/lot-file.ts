import { Fault } from '../errors.js';
import { TestsRefused } from '../lots/tests/refusal.js';
import { openSource } from '../unpack/file-source.js';
import { countText } from '../wafermap/text.js';
import { percent } from './output.js';

/**
 * The bytes of a lot file, or of standard input for `-`, telling how far it has been read; `name` is what messages
 * call it.
 * @throws Fault `invalid_data` (while it is read) when the file cannot be read
 */
export async function* lotBytes(
  file: string,
  onProgress: (text: string) => void,
  name: string = file,
): AsyncGenerator<Uint8Array, void, void> {
  try {
    const { size, bytes } = await openSource(file);
    let read = 0;
    for await (const chunk of bytes) {
      read += chunk.length;
      onProgress(
        size === undefined
          ? `${name}: ${countText(read)} bytes read`
          : `${name}: ${percent(Math.min(1, read / size))} read`,
      );
      yield chunk;
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Fault('invalid_data', [`${name} cannot be read: ${reason}`], error);
  }
}

/** What a reader of the bytes finds wrong, with the name of the file, which it does not know. */
export async function namingFile<T>(file: string, reading: Promise<T>): Promise<T> {
  try {
    return await reading;
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== 'invalid_data' || error instanceof TestsRefused)
      throw error;
    const problems = error.problems.map((problem) =>
      problem.startsWith(file) ? problem : `${file}: ${problem}`,
    );
    throw new Fault('invalid_data', problems, error);
  }
}
