import { expect, test } from 'vitest';
import { readRecords } from '../../src/records/read-records.js';
import type { GateRecord } from '../../src/records/record.js';
import { verifyLog } from '../../src/records/verify.js';
import { temporaryFolder } from '../records/writing.js';
import { dieOf } from '../support/dies.js';
import { post } from '../support/http.js';
import { sumVersion, writeRepository } from '../support/models.js';
import { ServerProcess } from '../support/server-process.js';

const KILLS = 2;
const CALLERS = 8;

// A hundred times: bench/records/crash.ts.
test('a server that is killed under load has recorded every die that it answered, once, and its log verifies', async () => {
  const folder = temporaryFolder();
  const repository = await writeRepository([sumVersion(512)]);
  const answered: string[] = [];
  let sent = 0;
  const caller = async (url: string) => {
    for (;;) {
      const die_id = `die-${sent++}`;
      try {
        const { status } = await post(`${url}/predict`, JSON.stringify(dieOf({ die_id })));
        if (status === 200) answered.push(die_id);
      } catch {
        return;
      }
    }
  };
  for (let i = 1; i <= KILLS; i++) {
    const server = new ServerProcess({
      MODEL_REPOSITORY: repository,
      RECORDS_DIR: folder,
      RECORDS_ACK: 'durable',
      LOG_PREDICTIONS: '0',
    });
    const url = await server.url();
    const callers = Array.from({ length: CALLERS }, () => caller(url));
    await expect.poll(() => answered.length).toBeGreaterThan(100 * i);
    server.child.kill('SIGKILL');
    await Promise.all([server.ended, ...callers]);
  }
  const records: GateRecord[] = [];
  for await (const some of readRecords(folder)) records.push(...some.map(({ record }) => record));
  const recorded = records.filter(({ kind }) => kind === 'prediction').map(({ dieId = '' }) => dieId);
  expect(new Set(recorded).size).toBe(recorded.length);
  expect(answered.filter((dieId) => !recorded.includes(dieId))).toEqual([]);
  expect((await verifyLog(folder)).problems).toEqual([]);
});
