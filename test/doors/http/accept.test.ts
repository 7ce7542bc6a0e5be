import { describe, expect, test } from 'vitest';
import { isCodingAsked } from '../../../src/doors/http/accept.js';
import { formatFor } from '../../../src/doors/http/routes/metrics.js';

const PROMETHEUS_2 =
  'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1';
const PROMETHEUS_3 =
  'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2';
const PROMETHEUS_3_TEXT =
  'text/plain;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.2';

describe('the format of the metrics', () => {
  test.each([
    [undefined, 'prometheus'],
    ['', 'prometheus'],
    ['*/*', 'prometheus'],
    ['application/*', 'prometheus'],
    [PROMETHEUS_2, 'openmetrics'],
    [PROMETHEUS_3, 'openmetrics'],
    [PROMETHEUS_3_TEXT, 'prometheus'],
    ['application/openmetrics-text', 'openmetrics'],
    ['Application/OpenMetrics-Text; Version=1.0.0', 'openmetrics'],
    ['application/openmetrics-text; version="1.0.0"; charset=utf-8', 'openmetrics'],
    ['application/openmetrics-text;q=0', 'prometheus'],
    ['application/openmetrics-text;q=0.1, text/plain', 'prometheus'],
    ['text/plain;q=0.1, application/openmetrics-text;q=0.2', 'openmetrics'],
    ['application/openmetrics-text;q=0.5, */*;q=0.9', 'prometheus'],
    ['application/openmetrics-text;version=2.0.0, text/plain;q=0.1', 'prometheus'],
    ['application/openmetrics-text;q=x, text/plain;q=0.1', 'prometheus'],
    ['application/openmetrics-textual', 'prometheus'],
    ['text/html;a="application/openmetrics-text,"', 'prometheus'],
  ])('for accept %s is %s', (accept, format) => {
    expect(formatFor(accept)).toBe(format);
  });
});

describe('gzip', () => {
  test.each([
    [undefined, false],
    ['', false],
    ['gzip', true],
    ['GZIP;q=0.5', true],
    ['br, gzip', true],
    ['*', true],
    ['gzip;q=0', false],
    ['gzip;q=0, *', false],
    ['identity, gzip;q=0.5', false],
    ['identity;q=0.5, gzip', true],
    ['br', false],
    ['x-gzipped', false],
  ])('by accept-encoding %s: %s', (acceptEncoding, asked) => {
    expect(isCodingAsked(acceptEncoding, 'gzip')).toBe(asked);
  });
});
