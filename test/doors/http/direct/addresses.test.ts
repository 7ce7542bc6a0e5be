import { describe, expect, test } from 'vitest';
import { addressOf } from '../../../../src/doors/http/direct/request-head.js';

describe('the address of a path', () => {
  test.each([
    ['/predict', '/predict', undefined, undefined],
    ['/models/sum/predict', '/models/:model/predict', 'sum', undefined],
    ['/models/sum/versions/2/predict', '/models/:model/versions/:version/predict', 'sum', '2'],
    [
      '/models/A.b_c-9/versions/1.0.0/predict',
      '/models/:model/versions/:version/predict',
      'A.b_c-9',
      '1.0.0',
    ],
    ['/models/versions/predict', '/models/:model/predict', 'versions', undefined],
    ['/models/__proto__/predict', '/models/:model/predict', '__proto__', undefined],
    [`/models/${'a'.repeat(128)}/predict`, '/models/:model/predict', 'a'.repeat(128), undefined],
  ])('%s', (path, route, model, version) => {
    expect(addressOf(path)).toEqual({ route, model, version, lane: 'realtime' });
    const batch = { route: `${route}/batch`, model, version, lane: 'bulk' };
    expect(addressOf(`${path}/batch`)).toEqual(batch);
  });

  test.each([
    '/',
    '/predict/',
    '//predict',
    '/Predict',
    '/predict?explain=1',
    '/predict#a',
    '/predict%2f',
    '/predict/batch/',
    '/predict/batch/batch',
    '/predict/Batch',
    '/predict/batch?explain=1',
    '/models/sum/predict/batches',
    '/%70redict',
    '/models//predict',
    '/models/sum',
    '/models/sum/predict/',
    '/models/s%75m/predict',
    '/models/sum;a=1/predict',
    '/models/../predict/x',
    '/models/sum/versions//predict',
    '/models/sum/versions/1/2/predict',
    `/models/${'a'.repeat(129)}/predict`,
    '/v2/models/sum/infer',
    'http://diegate/predict',
    '*',
    '',
  ])('is none of: %j', (path) => {
    expect(addressOf(path)).toBeUndefined();
  });
});
