import { Fault } from '../../errors.js';

/** What becomes of a version that has been followed: loaded beside the others, a shadow, or a canary. */
export const POLICIES = ['load', 'shadow', 'canary'] as const;
export type Policy = (typeof POLICIES)[number];

interface AnnounceOptions {
  /** Base URL of the diegate server. */
  readonly url: URL;
  readonly apiKey: string | undefined;
  readonly policy: Policy;
}

/**
 * Has a running server load a version, and begin a shadow or a canary with it.
 * @throws Fault `invalid_source` with the server's own words
 */
export async function announceVersion(key: string, { url, apiKey, policy }: AnnounceOptions): Promise<void> {
  const [name = '', version = ''] = key.split('/');
  const send = async (method: string, path: string, body?: unknown): Promise<void> => {
    const address = `${url.origin}${url.pathname.replace(/\/+$/, '')}/admin/models/${name}/${path}`;
    const headers = {
      ...(apiKey !== undefined && { 'x-api-key': apiKey }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    };
    let answer: Response;
    try {
      answer = await fetch(address, {
        method,
        headers,
        signal: AbortSignal.timeout(120_000),
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
    } catch (error) {
      throw new Fault(
        'invalid_source',
        [
          `the server at ${url.origin} does not answer: ${error instanceof Error ? error.message : String(error)}`,
        ],
        error,
      );
    }
    const text = await answer.text();
    if (!answer.ok)
      throw new Fault('invalid_source', [
        `the server at ${url.origin} answers ${answer.status} to ${method} ${path}: ${text.slice(0, 300)}`,
      ]);
  };
  // A shadow and a canary are loaded by what begins them; a load alone might make the version the default.
  if (policy === 'load') await send('POST', `versions/${version}/load`);
  if (policy === 'shadow') await send('PUT', 'shadow', { versions: [version] });
  if (policy === 'canary') await send('POST', 'canary', { to: version });
}
