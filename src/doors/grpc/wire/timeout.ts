import { Refusal } from '../../../errors.js';

/** Milliseconds of each unit of the header. */
const UNITS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };

/**
 * How long the caller waits for its answer, by its `grpc-timeout`; undefined where it does not say.
 * @returns milliseconds
 * @throws Refusal `bad_request`
 */
export function readTimeoutMs(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  const [, digits, unit = ''] = /^(\d{1,8})([HMSmun])$/.exec(header) ?? [];
  const unitMs = UNITS[unit];
  if (digits === undefined || unitMs === undefined) {
    throw new Refusal(
      'bad_request',
      `grpc-timeout: expected up to 8 digits and one of H, M, S, m, u, n, found "${header.slice(0, 40)}"`,
    );
  }
  return Number(digits) * unitMs;
}
