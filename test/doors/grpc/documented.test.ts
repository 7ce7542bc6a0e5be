import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { GRPCInferenceService } from '../../../src/doors/grpc/messages/inference-messages.js';
import { GrpcStatus, STATUS_OF } from '../../../src/doors/grpc/wire/status.js';
import { REFUSALS, type RefusalCode } from '../../../src/errors.js';

const page = readFileSync(new URL('../../../docs/open-inference-protocol.md', import.meta.url), 'utf8');

test('the table of status codes has every refusal, with the status that it gets by either door', () => {
  const rows = [...page.matchAll(/^\| `([A-Z_]+)` \((\d+)\) \| (.*?) \|/gm)];
  const documented = new Map<string, string>();
  for (const [, name = '', number, refusals = ''] of rows) {
    expect(Object.entries(GrpcStatus)).toContainEqual([name, Number(number)]);
    for (const group of refusals.matchAll(/((?:`[a-z_]+`(?:, )?)+) \((\d+)\)/g))
      for (const [, code = ''] of (group[1] ?? '').matchAll(/`([a-z_]+)`/g))
        documented.set(code, `${name} ${group[2]}`);
  }
  const numbers = new Map<number, string>(Object.entries(GrpcStatus).map(([name, number]) => [number, name]));
  const codes = Object.keys(REFUSALS).filter((code): code is RefusalCode => code in REFUSALS);
  expect(Object.fromEntries(documented)).toEqual(
    Object.fromEntries(
      codes.map((code) => [code, `${numbers.get(STATUS_OF[code])} ${REFUSALS[code].status}`]),
    ),
  );
});

test('the table of both doors has every method', () => {
  for (const { name } of GRPCInferenceService.methods) expect(page).toContain(`\`${name}\``);
});
