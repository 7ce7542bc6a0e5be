import { TestsRefused } from '../lots/tests/refusal.js';
import type { CommandStreams } from './output.js';

/** Writes a refusal to stdout as JSON too, before it is thrown on. */
export async function tellingRefusals<T>(
  scoring: Promise<T>,
  model: { readonly key: string },
  { stdout }: CommandStreams,
): Promise<T> {
  try {
    return await scoring;
  } catch (error) {
    if (error instanceof TestsRefused)
      stdout.write(`${JSON.stringify({ model: model.key, refused: error.lots })}\n`);
    throw error;
  }
}
