import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { parseTraceParent } from '../../src/tracing/traceparent.js';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';

const hex = (digits: number) =>
  fc
    .array(fc.integer({ min: 0, max: 15 }), { minLength: digits, maxLength: digits })
    .map((values) => values.map((value) => value.toString(16)).join(''));
const id = (digits: number) => hex(digits).filter((text) => !/^0+$/.test(text));
const flags = fc.integer({ min: 0, max: 255 });
const flagsText = (value: number) => value.toString(16).padStart(2, '0');
const laterVersion = fc.integer({ min: 1, max: 254 }).map(flagsText);

describe('a traceparent of version 00', () => {
  it('is read as the specification shows it', () => {
    expect(parseTraceParent(`00-${TRACE}-${SPAN}-01`)).toEqual({
      traceId: TRACE,
      spanId: SPAN,
      sampled: true,
    });
    expect(parseTraceParent(`00-${TRACE}-${SPAN}-00`)?.sampled).toBe(false);
  });

  it('gives back what was written; of the flags only the lowest bit says "sampled"', () => {
    fc.assert(
      fc.property(id(32), id(16), flags, (traceId, spanId, bits) => {
        expect(parseTraceParent(`00-${traceId}-${spanId}-${flagsText(bits)}`)).toEqual({
          traceId,
          spanId,
          sampled: bits % 2 === 1,
        });
      }),
    );
  });

  it('may have nothing after the flags', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), (more) => {
        expect(parseTraceParent(`00-${TRACE}-${SPAN}-01${more}`)).toBeUndefined();
      }),
    );
  });
});

describe('a traceparent of a later version', () => {
  it('is read by the part that it has in common with 00, whatever follows after a dash', () => {
    fc.assert(
      fc.property(laterVersion, fc.stringMatching(/^(-[!-~]*)?$/), flags, (version, more, bits) => {
        expect(parseTraceParent(`${version}-${TRACE}-${SPAN}-${flagsText(bits)}${more}`)).toEqual({
          traceId: TRACE,
          spanId: SPAN,
          sampled: bits % 2 === 1,
        });
      }),
    );
  });

  it('is ignored where something else than a dash follows', () => {
    fc.assert(
      fc.property(laterVersion, fc.stringMatching(/^[!-,.-~]/), (version, more) => {
        expect(parseTraceParent(`${version}-${TRACE}-${SPAN}-01${more}`)).toBeUndefined();
      }),
    );
  });
});

describe('a malformed traceparent is as good as none', () => {
  test.each([
    ['empty', ''],
    ['of the forbidden version', `ff-${TRACE}-${SPAN}-01`],
    ['with a trace id of zeros', `00-${'0'.repeat(32)}-${SPAN}-01`],
    ['with a span id of zeros', `00-${TRACE}-${'0'.repeat(16)}-01`],
    ['in upper case', `00-${TRACE.toUpperCase()}-${SPAN}-01`],
    ['with a short trace id', `00-${TRACE.slice(1)}-${SPAN}-01`],
    ['with a short span id', `00-${TRACE}-${SPAN.slice(1)}-01`],
    ['without flags', `00-${TRACE}-${SPAN}`],
    ['with flags that are no hex', `00-${TRACE}-${SPAN}-0x`],
    ['with a blank before it', ` 00-${TRACE}-${SPAN}-01`],
    ['sent twice, which node:http joins', `00-${TRACE}-${SPAN}-01, 00-${TRACE}-${SPAN}-01`],
    ['with a line end', `00-${TRACE}-${SPAN}-01\n`],
  ])('%s', (_, header) => {
    expect(parseTraceParent(header)).toBeUndefined();
  });

  it('whatever the bytes are', () => {
    const parts = fc.constantFrom('00', '01', 'ff', '-', TRACE, SPAN, '0', 'g', ' ', ',', '\u0000', '\n');
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(parts).map((texts) => texts.join('')),
        ),
        (header) => {
          const parent = parseTraceParent(header);
          if (parent === undefined) return;
          expect(header.startsWith(`${header.slice(0, 2)}-${parent.traceId}-${parent.spanId}-`)).toBe(true);
          expect(parent.traceId).toMatch(/^(?!0+$)[0-9a-f]{32}$/);
          expect(parent.spanId).toMatch(/^(?!0+$)[0-9a-f]{16}$/);
        },
      ),
    );
  });
});
