import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readSegmentBytes } from '../../src/records/open-segment.js';
import type { GateRecord } from '../../src/records/record.js';
import { decodeRecord } from '../../src/records/record-codec.js';
import { segmentFile } from '../../src/records/segment-files.js';
import { temporaryFolder } from '../records/writing.js';
import { bytesOf, dieOf } from '../support/dies.js';
import { post, send } from '../support/http.js';
import { sumVersion } from '../support/models.js';
import { startApp } from '../support/start-app.js';

const start = (folder: string, environment: Record<string, string> = {}) =>
  startApp({ versions: [sumVersion(4)], environment: { RECORDS_DIR: folder, ...environment } });

function recordsOf(folder: string, segment = 1): GateRecord[] {
  return readSegmentBytes(readFileSync(segmentFile(folder, segment, 'open'))).entries.map(({ record }) => {
    const read = decodeRecord(record);
    if (read === undefined) throw new Error('no record');
    return read;
  });
}

describe('a server that keeps records', () => {
  test('has one for every die that was judged and every one that was refused, by every door', async () => {
    const folder = temporaryFolder();
    const { url, app } = await start(folder);
    const place = { lot_id: 'L1', wafer_id: 'W1', x: 1, y: 2, insertion: 'cp1', touchdown: 7 };
    const die = { die_id: 'a', ...place, test_params: [1, 2, 3, 4] };
    const json = JSON.stringify(die);
    await post(`${url}/predict`, json);
    // Through node:http: a query is no plain request.
    await post(`${url}/predict?explain=0`, json);
    await post(`${url}/predict/batch`, JSON.stringify([die, die]));
    await post(`${url}/predict`, bytesOf([1, 2, 3, 4]), {
      'content-type': 'application/octet-stream',
      'x-die-id': 'b',
      'x-touchdown': '8',
    });
    await post(
      `${url}/v2/models/sum/infer`,
      JSON.stringify({
        inputs: [{ name: 'test_params', shape: [1, 4], datatype: 'FP32', data: [1, 2, 3, 4] }],
      }),
    );
    await post(`${url}/predict`, '{"die_id":"c","test_params":[1]}');
    await post(`${url}/predict?explain=0`, '{');
    await post(`${url}/models/none/predict`, json);
    await post(`${url}/predict`, JSON.stringify({ ...die, test_params: [1, 2, 3, 4] }), {
      'x-deadline-ms': 'soon',
    });
    await app.close();
    const records = recordsOf(folder);
    expect(records.map(({ kind, code, door }) => [kind, code ?? door].join(' ').trim())).toEqual([
      'start',
      'load',
      'prediction /predict',
      'prediction /predict',
      'prediction /predict/batch',
      'prediction /predict/batch',
      'prediction /predict',
      'prediction /v2/models/:model/infer',
      'refusal invalid_input',
      'refusal invalid_json',
      'refusal model_not_found',
      'refusal invalid_input',
      'stop',
    ]);
    const [judged] = records.slice(2);
    expect(judged).toMatchObject({
      dieId: 'a',
      lot: 'L1',
      wafer: 'W1',
      x: 1,
      y: 2,
      insertion: 'cp1',
      touchdown: 7,
      model: 'sum',
      version: '1',
      modelSha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      prediction: expect.stringMatching(/pass|fail/),
      score: expect.any(Number),
      confidence: expect.any(Number),
      runMs: expect.any(Number),
      queueMs: expect.any(Number),
      latencyMs: expect.any(Number),
      rowSha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      requestId: expect.any(String),
    });
    expect(records[6]).toMatchObject({ dieId: 'b', touchdown: 8 });
    // Its row had been read when its deadline was found to be none.
    expect(records.at(-2)).toMatchObject({ wafer: 'W1', rowSha256: judged?.rowSha256 });
    expect(records.map(({ sequence }) => sequence)).toEqual(records.map((_, i) => i));
  });

  test('keeps the measurements that it is asked to keep', async () => {
    const folder = temporaryFolder();
    const { url, app } = await start(folder, { RECORDS_INPUTS: 'all' });
    await post(`${url}/predict`, JSON.stringify({ die_id: 'a', test_params: [1, 2, 3, 4] }));
    await app.close();
    const rows = readSegmentBytes(readFileSync(segmentFile(folder, 1, 'open'))).entries.map(({ row }) => row);
    const kept = rows
      .filter(({ length }) => length > 0)
      .map((row) => new Float32Array(new Uint8Array(row).buffer));
    expect(kept).toEqual([Float32Array.of(1, 2, 3, 4)]);
  });

  test('with durable answers once the record is on the disk', async () => {
    const folder = temporaryFolder();
    const { url } = await start(folder, { RECORDS_ACK: 'durable' });
    const { status } = await post(`${url}/predict`, JSON.stringify(dieOf({ die_id: 'a' }, 4)));
    expect(status).toBe(200);
    expect(recordsOf(folder).map(({ dieId }) => dieId)).toContain('a');
  });

  test('goes on in another segment when it starts again, and seals the old one', async () => {
    const folder = temporaryFolder();
    const first = await start(folder);
    await first.app.close();
    const { log } = await start(folder);
    const line = await log.line(({ msg }) => msg === 'checkpoint');
    expect(line).toMatchObject({ segment: 1, signed: false, root: expect.any(String) });
    expect(recordsOf(folder, 2)[0]).toMatchObject({ sequence: 3, kind: 'start' });
  });

  test('says what it knows of a die, as JSON and as a page', async () => {
    const folder = temporaryFolder();
    const { url } = await start(folder, { RECORDS_ACK: 'durable' });
    await post(`${url}/predict`, JSON.stringify(dieOf({ die_id: 'a/b', wafer_id: 'W1', x: 1, y: 2 }, 4)));
    for (const die of ['a/b', '/W1/1/2']) {
      const { status, body } = await send(`${url}/predictions?die=${encodeURIComponent(die)}`);
      expect(status).toBe(200);
      expect(JSON.parse(body)).toMatchObject({
        die,
        records: [{ kind: 'prediction', dieId: 'a/b', wafer: 'W1' }],
      });
    }
    const page = await send(`${url}/predictions?die=a/b`, { headers: { accept: 'text/html,*/*' } });
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(page.body).toMatch(/^<!doctype html>[\s\S]*It was judged once/);
    expect(JSON.parse((await send(`${url}/predictions?die=none`)).body)).toMatchObject({ records: [] });
    expect((await send(`${url}/predictions`)).status).toBe(422);
  });

  test('tells of them in its metrics', async () => {
    const { url } = await start(temporaryFolder());
    await post(`${url}/predict`, JSON.stringify(dieOf({}, 4)));
    const { body } = await send(`${url}/metrics`);
    expect(body).toContain('records_total{kind="prediction"} 1');
    expect(body).toContain('records_stalled 0');
  });
});

describe('a server does not start', () => {
  test('where another one has the folder', async () => {
    const folder = temporaryFolder();
    await start(folder);
    await expect(start(folder)).rejects.toThrow('RECORDS_DIR: ');
  });

  test('where the folder cannot be made', async () => {
    const file = join(temporaryFolder(), 'file');
    writeFileSync(file, '');
    await expect(start(join(file, 'records'))).rejects.toThrow('cannot be written to');
  });

  test('where everybody can read the key', async () => {
    const folder = temporaryFolder();
    const key = join(folder, 'key.pem');
    writeFileSync(key, 'secret');
    chmodSync(key, 0o644);
    mkdirSync(join(folder, 'records'));
    await expect(start(join(folder, 'records'), { RECORDS_KEY_FILE: key })).rejects.toThrow(
      'can be read by everybody',
    );
  });
});
