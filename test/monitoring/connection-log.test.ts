import { pino } from 'pino';
import { expect, test } from 'vitest';
import { createConnectionLog } from '../../src/monitoring/connection-log.js';
import { LogCollector } from '../support/start-app.js';

test('refused connections are one line at once, then one a minute with how many they were', () => {
  let nowMs = 1000;
  const log = new LogCollector();
  const level = { level: (label: string) => ({ level: label }) };
  const refused = createConnectionLog(pino({ formatters: level }, log), () => nowMs, 4096);
  const lines = () => log.lines.map((line) => line.refused);
  for (let i = 0; i < 5; i++) refused();
  expect(lines()).toEqual([1]);
  nowMs += 59_999;
  refused();
  expect(lines()).toEqual([1]);
  nowMs += 1;
  refused();
  expect(lines()).toEqual([1, 6]);
  refused();
  expect(log.lines).toMatchObject([
    { level: 'warn', msg: 'connections refused', max_connections: 4096 },
    { level: 'warn', msg: 'connections refused', max_connections: 4096 },
  ]);
});
