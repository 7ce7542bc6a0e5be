import { createRandom } from '../models/random.js';
import type { Load } from './closed-loop.js';

const PARAMETERS = 512;
const JSON_HEADERS = { 'content-type': 'application/json' };
const BINARY_TYPE = 'application/octet-stream';

/** How the values of a body are written. */
export type Digits = 'six-decimals' | 'seventeen-digits';

/** One die as JSON, as a tester prints it (six decimals) or as Python prints a double (17 digits). */
export function singleJson(digits: Digits = 'six-decimals'): Load {
  return { path: '/predict', headers: JSON_HEADERS, body: Buffer.from(dieJson(0, digits)), dies: 1 };
}

/** A batch call as JSON. */
export function batchJson(dies: number): Load {
  const body = Buffer.from(
    `[${Array.from({ length: dies }, (_, i) => dieJson(i, 'six-decimals')).join(',')}]`,
  );
  return { path: '/predict/batch', headers: JSON_HEADERS, body, dies };
}

/** One die as 512 little-endian float32. */
export function singleBinary(): Load {
  const headers = { 'content-type': BINARY_TYPE, 'x-die-id': 'wafer123_die456' };
  return { path: '/predict', headers, body: floats(1), dies: 1 };
}

/** A batch call as little-endian float32, its ids in a header. */
export function batchBinary(dies: number): Load {
  const ids = Array.from({ length: dies }, (_, i) => `wafer123_die${i}`).join(',');
  const headers = { 'content-type': BINARY_TYPE, 'x-die-ids': ids };
  return { path: '/predict/batch', headers, body: floats(dies), dies };
}

function dieJson(index: number, digits: Digits): string {
  const random = createRandom(index + 1);
  const values = Array.from({ length: PARAMETERS }, () => {
    const value = random() * 2 - 1;
    return digits === 'six-decimals' ? value.toFixed(6) : value.toPrecision(17);
  });
  return `{"die_id":"wafer123_die${index}","test_params":[${values.join(',')}]}`;
}

function floats(dies: number): Buffer {
  const random = createRandom(1);
  const values = Float32Array.from({ length: dies * PARAMETERS }, () => random() * 2 - 1);
  return Buffer.from(values.buffer);
}
